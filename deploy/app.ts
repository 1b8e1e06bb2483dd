/**
 * The entry of the CDK: `npx aws-cdk@2 deploy --app 'node deploy/app.ts' -c image=sha256:…`. What it takes from the context
 * (`-c key=value`): image (required), prefix, repository, certificate, mailFrom, warmWriteUnits, rulesUrl,
 * rulesToken (the name of a secret).
 */
import process from 'node:process';
import { App } from 'aws-cdk-lib';
import { RemessaStack } from './stack.ts';

const app = new App();

function given(key: string): string | undefined {
  const value: unknown = app.node.tryGetContext(key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const image = given('image');
if (image === undefined) throw new Error('say which image to run: -c image=<tag or sha256 digest>');
const prefix = given('prefix') ?? 'remessa';
const certificateArn = given('certificate');
const mailFrom = given('mailFrom');
const rulesUrl = given('rulesUrl');
const rulesTokenSecret = given('rulesToken');
const warm = given('warmWriteUnits');
if (warm !== undefined && !/^[1-9]\d{3,6}$/.test(warm)) throw new Error('warmWriteUnits is a number of 1,000 or more');

// Where the CDK knows account and region the stack is bound to them; elsewhere it fits any.
const account = process.env['CDK_DEFAULT_ACCOUNT'];
const region = process.env['CDK_DEFAULT_REGION'];

new RemessaStack(app, prefix, {
  prefix,
  repository: given('repository') ?? prefix,
  image,
  ...(certificateArn === undefined ? {} : { certificateArn }),
  ...(mailFrom === undefined ? {} : { mailFrom }),
  ...(rulesUrl === undefined ? {} : { rulesUrl }),
  ...(rulesTokenSecret === undefined ? {} : { rulesTokenSecret }),
  ...(warm === undefined ? {} : { warmWriteUnits: Number(warm) }),
  ...(account === undefined || region === undefined ? {} : { env: { account, region } }),
});
app.synth();
