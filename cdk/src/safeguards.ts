import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BackupPlan, BackupPlanRule, BackupResource, BackupVault } from 'aws-cdk-lib/aws-backup';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyStatement, ServicePrincipal, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnTopicPolicy } from 'aws-cdk-lib/aws-sns';
import { CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs';

import type { Included } from './included.js';

/** What every stack of a production account wants beside its template. */
export function safeguard(included: Included): void {
  backUp(included);
  refusePlainTextAtTopics(included);
  refusePlainTextAtQueues(included);
}

/** Point-in-time recovery reaches back 35 days and dies with the table; these copies do neither. */
function backUp({ stack, template }: Included): void {
  const backupVault = new BackupVault(stack, 'BackupVault', {
    blockRecoveryPointDeletion: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const daily = new BackupPlanRule({
    ruleName: 'daily',
    scheduleExpression: Schedule.cron({ minute: '0', hour: '3' }),
    deleteAfter: Duration.days(35),
  });
  const monthly = new BackupPlanRule({
    ruleName: 'monthly',
    scheduleExpression: Schedule.cron({ minute: '0', hour: '4', day: '1' }),
    moveToColdStorageAfter: Duration.days(30),
    deleteAfter: Duration.days(400),
  });
  const plan = new BackupPlan(stack, 'BackupPlan', { backupVault, backupPlanRules: [daily, monthly] });
  const table = template.getResource('Table');
  plan.addSelection('Table', { resources: [BackupResource.fromArn(table.getAtt('Arn').toString())] });
}

/** Whoever may publish, only over TLS. A topic's own policy replaces its default one, so it names who may, too. */
function refusePlainTextAtTopics(included: Included): void {
  for (const topic of included.ofType('AWS::SNS::Topic')) {
    const { account } = included.stack;
    const services = topic.node.id === 'AlarmsTopic' ? ['cloudwatch.amazonaws.com', 'budgets.amazonaws.com'] : [];
    new CfnTopicPolicy(included.stack, `${topic.node.id}Policy`, {
      topics: [topic.ref],
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          ...services.map((service) =>
            new PolicyStatement({
              principals: [new ServicePrincipal(service)],
              actions: ['sns:Publish'],
              resources: [topic.ref],
              conditions: { StringEquals: { 'aws:SourceAccount': account } },
            }).toStatementJson(),
          ),
          plainText('sns:Publish', [topic.ref]),
        ],
      },
    });
  }
}

function refusePlainTextAtQueues(included: Included): void {
  const without = new Map(included.ofType('AWS::SQS::Queue').map((queue) => [queue.ref, queue]));
  for (const policy of included.ofType('AWS::SQS::QueuePolicy')) {
    if (!(policy instanceof CfnQueuePolicy)) throw new Error(`${policy.node.id} is no queue policy`);
    const arns = policy.queues.map((url) => {
      const queue = without.get(url);
      if (queue === undefined) throw new Error(`${policy.node.id} is not the only policy of one of its queues`);
      without.delete(url);
      return queue.getAtt('Arn').toString();
    });
    const document = policy.policyDocument as { Version: string; Statement: unknown[] };
    policy.policyDocument = { ...document, Statement: [...document.Statement, plainText('sqs:*', arns)] };
  }
  for (const queue of without.values()) {
    const policyDocument = {
      Version: '2012-10-17',
      Statement: [plainText('sqs:*', [queue.getAtt('Arn').toString()])],
    };
    new CfnQueuePolicy(included.stack, `${queue.node.id}TlsPolicy`, { queues: [queue.ref], policyDocument });
  }
}

function plainText(action: string, resources: string[]): unknown {
  return new PolicyStatement({
    sid: 'NoPlainText',
    effect: Effect.DENY,
    principals: [new StarPrincipal()],
    actions: [action],
    resources,
    conditions: { Bool: { 'aws:SecureTransport': 'false' } },
  }).toStatementJson();
}
