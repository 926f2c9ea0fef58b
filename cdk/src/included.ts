import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Annotations, CfnResource, Stack } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { CfnFunction } from 'aws-cdk-lib/aws-sam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { parse } from 'yaml';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Where `cargo xtask build --aws` leaves one folder a function. */
const BINARIES = `${PROJECT}target/lambda`;

/**
 * One of the project's SAM templates in a stack. The templates stay the one source of truth: nothing in them is said
 * again in TypeScript. The transform and `Globals` are CloudFormation's business and pass through unchanged.
 */
export class Included {
  readonly template: CfnInclude;

  constructor(readonly stack: Stack, file: string, parameters: Record<string, string>) {
    this.template = new CfnInclude(stack, 'Template', { templateFile: PROJECT + file, parameters });
    const missing: string[] = [];
    for (const [id, binary] of binariesOf(file)) {
      const lambda = this.resource(id);
      if (!(lambda instanceof CfnFunction)) throw new Error(`${id} is no function`);
      onFailureOnly(lambda);
      const path = `${BINARIES}/${binary}`;
      if (existsSync(path)) {
        const { s3BucketName, s3ObjectKey } = new Asset(stack, `${id}Code`, { path });
        lambda.addPropertyOverride('CodeUri', { Bucket: s3BucketName, Key: s3ObjectKey });
      } else {
        missing.push(binary);
      }
    }
    if (missing.length > 0) {
      const hint = `to be checked, not deployed: cargo xtask build --aws has not built ${missing.join(', ')}`;
      Annotations.of(stack).addWarningV2('crossdock:unbuilt', hint);
    }
  }

  /** A resource by its logical id. */
  resource(id: string): CfnResource {
    return this.template.getResource(id);
  }

  /** The resources of a CloudFormation type. */
  ofType(type: string): CfnResource[] {
    const isOne = (child: unknown): child is CfnResource =>
      CfnResource.isCfnResource(child) && child.cfnResourceType === type;
    return this.template.node.findAll().filter(isOne);
  }
}

/** CDK's type wants an `OnSuccess` beside every `OnFailure`; SAM does not. */
function onFailureOnly(lambda: CfnFunction): void {
  const retries = lambda.eventInvokeConfig as CfnFunction.EventInvokeConfigProperty | undefined;
  if (retries === undefined) return;
  const { onFailure } = retries.destinationConfig as CfnFunction.EventInvokeDestinationConfigProperty;
  const { type, destination } = onFailure as CfnFunction.DestinationProperty;
  lambda.eventInvokeConfig = undefined;
  lambda.addPropertyOverride('EventInvokeConfig', {
    MaximumRetryAttempts: retries.maximumRetryAttempts,
    MaximumEventAgeInSeconds: retries.maximumEventAgeInSeconds,
    DestinationConfig: { OnFailure: { Type: type, Destination: destination } },
  });
}

interface Resource {
  readonly Type: string;
  readonly Metadata?: { readonly BuildProperties?: { readonly Binary?: string } };
}

/** The functions of a template by logical id, with the binary each runs. */
export function binariesOf(file: string): Map<string, string> {
  // CloudFormation's own tags are nothing to this reader, and it need not say so.
  const template = parse(readFileSync(PROJECT + file, 'utf8'), { logLevel: 'silent' }) as {
    readonly Resources: Record<string, Resource>;
  };
  const functions = Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::Serverless::Function');
  return new Map(
    functions.map(([id, { Metadata }]) => {
      const binary = Metadata?.BuildProperties?.Binary;
      if (binary === undefined) throw new Error(`${id} of ${file} has no Metadata.BuildProperties.Binary`);
      return [id, binary];
    }),
  );
}
