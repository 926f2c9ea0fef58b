import { type App, Stack, type StackProps, Tags, Validations } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';

import { Edge } from './edge.js';
import { acknowledge } from './exceptions.js';
import { Included } from './included.js';
import { safeguard } from './safeguards.js';
import { type Settings, settings } from './settings.js';

/** The warehouses of a deployment, and the resource of the store's template that is the secret of each. */
const WAREHOUSES = { alpha: 'WarehouseAlphaSecret', beta: 'WarehouseBetaSecret' };

/**
 * The store, its warehouses and what is in front of them, under the names `cargo xtask deploy` uses, so that stacks
 * deployed by one can be taken over by the other.
 */
export function crossdock(app: App): void {
  const chosen = settings(app.node);
  const { stage, tenant, region, architecture, alarmEmail } = chosen;
  const common = { Stage: stage, Tenant: tenant, Architecture: architecture, AlarmEmail: alarmEmail };
  const place: StackProps = {
    env: { region },
    terminationProtection: stage === 'production',
    crossRegionReferences: region !== 'us-east-1',
  };

  const storeStack = new Stack(app, `crossdock-${stage}-store`, place);
  const store = new Included(storeStack, 'template.yaml', common);
  safeguard(store);
  watchTheBill(store, chosen);
  const host = `${store.resource('Api').ref}.execute-api.${region}.${storeStack.urlSuffix}`;

  for (const [name, secret] of Object.entries(WAREHOUSES)) {
    const stack = new Stack(app, `crossdock-${stage}-warehouse-${name}`, place);
    const warehouse = new Included(stack, 'functions/warehouse/template.yaml', {
      ...common,
      WarehouseName: name,
      StoreUrl: `https://${host}/store`,
      StoreSecretArn: store.resource('StoreSecret').getAtt('Id').toString(),
      ServiceSecretArn: store.resource(secret).getAtt('Id').toString(),
    });
    safeguard(warehouse);
  }
  const edge = { ...place, env: { region: 'us-east-1' }, settings: chosen, origin: host };
  new Edge(app, `crossdock-${stage}-edge`, edge);

  Tags.of(app).add('Project', 'crossdock');
  Tags.of(app).add('Stage', stage);
  acknowledge(app);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
}

/** Tells the alarm topic at four fifths of the budget, and when the month is forecast to exceed it. */
function watchTheBill({ stack, template }: Included, { monthlyBudgetUsd }: Settings): void {
  const subscribers = [{ subscriptionType: 'SNS', address: template.getResource('AlarmsTopic').ref }];
  const at = (notificationType: string, threshold: number) => ({
    notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold, thresholdType: 'PERCENTAGE' },
    subscribers,
  });
  new CfnBudget(stack, 'Budget', {
    budget: {
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: monthlyBudgetUsd, unit: 'USD' },
      costFilters: { TagKeyValue: ['user:Project$crossdock'] },
    },
    notificationsWithSubscribers: [at('ACTUAL', 80), at('FORECASTED', 100)],
  });
}
