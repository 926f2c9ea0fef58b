import type { Node } from 'constructs';

/** What a deployment can choose: `cdk.json`, or `-c name=value`. */
export interface Settings {
  readonly region: string;
  readonly stage: string;
  readonly tenant: string;
  /** What the functions were compiled for: arm64 or x86_64. */
  readonly architecture: string;
  /** Who is told of alarms and of the budget; nobody when empty. */
  readonly alarmEmail: string;
  readonly monthlyBudgetUsd: number;
  /** A domain of our own in front of the store, and its certificate (in us-east-1). CloudFront's own without. */
  readonly domain: { readonly name: string; readonly certificateArn: string } | undefined;
}

export function settings(node: Node): Settings {
  const text = (name: string): string => {
    const value: unknown = node.tryGetContext(name);
    if (value === undefined) throw new Error(`context ${name} is missing: it belongs into cdk.json`);
    return String(value);
  };
  const monthlyBudgetUsd = Number(text('monthlyBudgetUsd'));
  if (!(monthlyBudgetUsd > 0)) throw new Error('context monthlyBudgetUsd is no amount');
  const name: unknown = node.tryGetContext('domain');
  return {
    region: text('region'),
    stage: text('stage'),
    tenant: text('tenant'),
    architecture: text('architecture'),
    alarmEmail: text('alarmEmail'),
    monthlyBudgetUsd,
    domain: name === undefined ? undefined : { name: String(name), certificateArn: text('certificateArn') },
  };
}
