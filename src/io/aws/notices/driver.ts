/**
 * Mail by SES and events by SNS and EventBridge, from the settings. They go with any driver of the stores: a machine with a
 * data folder may tell them too.
 *
 * Faults: `CONFIG_INVALID` where there is no region; what sending meets comes from the drivers.
 */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SESv2Client } from '@aws-sdk/client-sesv2';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Settings } from '../../../config/schema.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { EventPublisher } from '../../ports/events.ts';
import type { MailSender } from '../../ports/mail.ts';
import { namesOf } from '../names.ts';
import { QueueAt } from '../provision/queues.ts';
import { openEventBridge } from './eventBridge.ts';
import { openSesMail } from './sesMail.ts';
import { openSnsEvents } from './snsEvents.ts';

const CONNECT_MS = 3000;
const ANSWER_MS = 10_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5000;

export function openAwsMail(settings: Settings): MailSender {
  const client = new SESv2Client(clientOptions(settings, ''));
  return openSesMail({ from: settings.mailFrom, configurationSet: settings.mailConfigurationSet }, { client });
}

export function openAwsEvents(
  settings: Settings,
  deps: { readonly clock: Clock; readonly random: RandomBytes },
): EventPublisher[] {
  const { events } = settings;
  const tries = { triesMax: settings.awsTriesMax, retryMsMin: RETRY_MS_MIN, retryMsMax: RETRY_MS_MAX };
  const publishers: EventPublisher[] = [];
  if (events === 'sns' || events === 'both') publishers.push(topicEvents(settings, tries, deps));
  if (events === 'eventbridge' || events === 'both') {
    const client = new EventBridgeClient(clientOptions(settings, ''));
    publishers.push(openEventBridge({ ...tries, bus: settings.eventBus }, { client, ...deps }));
  }
  return publishers;
}

/** The topic's ARN names the account, which the events queue tells when the first event is published. */
function topicEvents(
  settings: Settings,
  tries: { readonly triesMax: number; readonly retryMsMin: number; readonly retryMsMax: number },
  deps: { readonly clock: Clock; readonly random: RandomBytes },
): EventPublisher {
  const names = namesOf(settings.awsPrefix, settings.awsBucket);
  const client = new SNSClient(clientOptions(settings, settings.awsEndpointSns));
  const sqs = new SQSClient(clientOptions(settings, settings.awsEndpointSqs));
  let opened: EventPublisher | undefined;
  const open = async (): Promise<EventPublisher> => {
    const [, partition = '', , region = '', account = ''] = (await new QueueAt(sqs, names.queues.events).arn()).split(
      ':',
    );
    const topicArn = `arn:${partition}:sns:${region}:${account}:${names.topic}`;
    return openSnsEvents({ ...tries, topicArn }, { client, ...deps });
  };
  return {
    async publish(events) {
      try {
        opened ??= await open();
      } catch {
        throw new Fault(
          'SERVICE_IO',
          `the queue ${names.queues.events}, which tells the topic's account, is not there`,
        );
      }
      await opened.publish(events);
    },
    async close() {
      client.destroy();
      sqs.destroy();
    },
  };
}

function clientOptions(settings: Settings, endpoint: string) {
  const region = settings.awsRegion;
  if (region === '') throw new Fault('CONFIG_INVALID', 'REMESSA_MAIL=ses and REMESSA_EVENTS need REMESSA_AWS_REGION');
  const at = endpoint || settings.awsEndpoint;
  return {
    region,
    ...(at === '' ? {} : { endpoint: at }),
    maxAttempts: settings.awsTriesMax,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS },
  };
}
