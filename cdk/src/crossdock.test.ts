import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { App } from 'aws-cdk-lib';

import { crossdock } from './crossdock.js';
import { PROJECT, binariesOf } from './included.js';

interface Resource {
  readonly Type: string;
  readonly Metadata?: { readonly BuildProperties?: { readonly Binary?: string } };
  readonly Properties?: Record<string, unknown>;
}

type Stacks = Map<string, Record<string, Resource>>;

/** The resources of every stack, by the stack's name. A finding of cdk-nag that is no exception fails here. */
function synthesized(context: Record<string, string> = {}): Stacks {
  const { context: defaults } = JSON.parse(readFileSync(`${PROJECT}cdk/cdk.json`, 'utf8')) as {
    context: Record<string, unknown>;
  };
  const app = new App({ analyticsReporting: false, context: { ...defaults, ...context } });
  crossdock(app);
  return new Map(app.synth().stacks.map(({ stackName, template }) => [stackName, template.Resources]));
}

function functionsOf(stacks: Stacks, stack: string): Map<string, string | undefined> {
  const resources = Object.entries(stacks.get(stack) ?? {});
  const functions = resources.filter(([, { Type }]) => Type === 'AWS::Serverless::Function');
  return new Map(functions.map(([id, { Metadata }]) => [id, Metadata?.BuildProperties?.Binary]));
}

const typesIn = (stacks: Stacks, stack: string): Set<string> =>
  new Set(Object.values(stacks.get(stack) ?? {}).map(({ Type }) => Type));

describe('the application', () => {
  const stacks = synthesized();

  it('is the store, its warehouses and the edge', () => {
    const names = ['store', 'warehouse-alpha', 'warehouse-beta', 'edge'].map((part) => `crossdock-production-${part}`);
    assert.deepEqual([...stacks.keys()].sort(), names.sort());
  });

  it('has exactly the functions of the templates', () => {
    const store = binariesOf('template.yaml');
    const warehouse = binariesOf('functions/warehouse/template.yaml');
    assert.ok(store.size > 10 && warehouse.size > 5, 'the templates are read');
    assert.deepEqual(functionsOf(stacks, 'crossdock-production-store'), store);
    assert.deepEqual(functionsOf(stacks, 'crossdock-production-warehouse-alpha'), warehouse);
    assert.deepEqual(functionsOf(stacks, 'crossdock-production-warehouse-beta'), warehouse);
    assert.equal(functionsOf(stacks, 'crossdock-production-edge').size, 0);
  });

  it('backs up every table', () => {
    for (const stack of ['store', 'warehouse-alpha', 'warehouse-beta']) {
      const types = typesIn(stacks, `crossdock-production-${stack}`);
      assert.ok(types.has('AWS::Backup::BackupPlan') && types.has('AWS::Backup::BackupSelection'), stack);
    }
  });

  it('gives every queue one policy, which refuses plain text', () => {
    for (const resources of stacks.values()) {
      const policies = Object.values(resources).filter(({ Type }) => Type === 'AWS::SQS::QueuePolicy');
      const covered = policies.flatMap(({ Properties }) => Properties?.['Queues'] as { Ref: string }[]).map(({ Ref }) => Ref);
      const queues = Object.keys(resources).filter((id) => resources[id]?.Type === 'AWS::SQS::Queue');
      assert.deepEqual(covered.sort(), queues.sort());
      for (const policy of policies) assert.match(JSON.stringify(policy), /"aws:SecureTransport":"false"/);
    }
  });

  it('lets alarms and budgets tell the alarm topic', () => {
    const topic = JSON.stringify(stacks.get('crossdock-production-store')?.['AlarmsTopicPolicy']);
    assert.match(topic, /cloudwatch\.amazonaws\.com/);
    assert.match(topic, /budgets\.amazonaws\.com/);
  });

  it('puts a web ACL in front of the store', () => {
    const edge = stacks.get('crossdock-production-edge') ?? {};
    const distribution = Object.values(edge).find(({ Type }) => Type === 'AWS::CloudFront::Distribution');
    assert.match(JSON.stringify(distribution), /"WebACLId":\{"Fn::GetAtt":\["WebAcl","Arn"\]\}/);
    assert.match(JSON.stringify(distribution), /execute-api\.us-east-1/);
  });
});

it('can be deployed to another region, with the edge where CloudFront wants it', () => {
  const stacks = synthesized({ region: 'eu-west-1', stage: 'staging', domain: 'shop.example', certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/1' });
  assert.match(JSON.stringify(stacks.get('crossdock-staging-edge')), /execute-api\.eu-west-1/);
  assert.match(JSON.stringify(stacks.get('crossdock-staging-edge')), /"Aliases":\["shop\.example"\]/);
});
