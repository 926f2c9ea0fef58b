import { type App, Validations } from 'aws-cdk-lib';

/** A rule of a checker, the constructs that do not follow it (by path), and why that is right. */
interface Exception {
  readonly id: string;
  readonly at: RegExp;
  readonly reason: string;
}

const LAST_STOP = /\/Template\/(\w+DeadLetters|ParkedEvents|FailedRuns)$/;
const LAST_STOP_REASON =
  'It is where failed messages end up: an alarm watches it, and operators send its messages back from there.';

/** There are no others. */
export const EXCEPTIONS: readonly Exception[] = [
  { id: 'AwsSolutions::AwsSolutions-SQS3', at: LAST_STOP, reason: LAST_STOP_REASON },
  { id: 'Serverless::Serverless-SQSRedrivePolicy', at: LAST_STOP, reason: LAST_STOP_REASON },
  {
    id: 'Serverless::Serverless-SNSRedrivePolicy',
    at: /\/Template\/AlarmsSubscription$/,
    reason: 'A mail that was not delivered can be read in the history of its alarm, which CloudWatch keeps.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/(Store|WarehouseAlpha|WarehouseBeta)Secret$/,
    reason: 'Two values are valid at a time, so that an operator replaces one without a pause (docs/configuration.md).',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/PaymentSecret$/,
    reason: 'It is issued and replaced at the payment provider.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/ShopifySecret$/,
    reason: 'It is issued and replaced at Shopify; the old value stays valid beside the new one for a while.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/CursorSecret$/,
    reason: 'It protects places in lists, no data: the caller of a forged one sees what they may see anyway.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/TokenKeys$/,
    reason: 'cron-access-keys replaces the keys, each published before it is used (docs/decisions/0040-tokens.md).',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/ApiKeyPepper$/,
    reason: 'Two values are valid at a time, so that an operator replaces one without a pause.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/LookerSecret$/,
    reason: 'It is issued and replaced in Looker.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    at: /\/Template\/AccessProvider$/,
    reason: 'It holds addresses and no secret.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-COG1',
    at: /\/Template\/UserPool$/,
    reason: 'Twelve characters of any kind: length protects, rules of composition do not (NIST SP 800-63B).',
  },
  {
    id: 'AwsSolutions::AwsSolutions-COG2',
    at: /\/Template\/UserPool$/,
    reason: 'Whether people need a second factor is each merchant group\'s to say.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-COG8',
    at: /\/Template\/UserPool$/,
    reason: 'The plus plan is charged for every user and month; who wants its threat protection turns it on for the pool.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup]',
    at: /\/BackupPlan\/Table\/Role\/Resource$/,
    reason: 'What AWS Backup needs is AWS Backup\'s to say. Only it can assume the role.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-S1',
    at: /\/Template\/FilesBucket$/,
    reason: 'Every file is asked for at an API that logs who asked; the bucket would log signed URLs.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-S1',
    at: /-edge\/AccessLogs\/Resource$/,
    reason: 'It is the access log; a log of who reads the log would need one itself.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-CFR1',
    at: /-edge\/Distribution\/Resource$/,
    reason: 'The store sells to every country.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-CFR4',
    at: /-edge\/Distribution\/Resource$/,
    reason: 'Under CloudFront\'s own name its certificate decides. With a domain of ours TLS 1.2 is the least.',
  },
  {
    id: 'CloudFormation-Validate::W8003',
    at: /^crossdock-[^/]+-(store|warehouse-\w+)$/,
    reason: 'The templates ask what the stage is; here it has been said already.',
  },
];

/** Records every exception at the constructs it is for. One that is for nothing has outlived its reason. */
export function acknowledge(app: App): void {
  for (const { id, at, reason } of EXCEPTIONS) {
    const meant = app.node.findAll().filter((construct) => at.test(construct.node.path));
    if (meant.length === 0) throw new Error(`the exception from ${id} at ${at.source} is for nothing`);
    for (const construct of meant) Validations.of(construct).acknowledge({ id, reason });
  }
}
