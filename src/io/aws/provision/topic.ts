/**
 * The topic of batch events as `provision` wants it, and the queue that is subscribed to it: it gets the ends of batches
 * and nothing else, each as the message that was published.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  type SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import { errorName } from '../serviceFaults.ts';
import { AS_WANTED, type Aspect, differs, type Look, MISSING, type Resource } from './aspects.ts';
import { isNoQueue } from './queues.ts';

export interface TopicWish {
  readonly name: string;
  /** Asked for when they are needed: the queue is made before, and its account is the topic's. */
  topicArn(): Promise<string>;
  eventsQueueArn(): Promise<string>;
  /** By message attribute, the values that pass. */
  readonly filter: Readonly<Record<string, readonly string[]>>;
}

const GONE: ReadonlySet<string> = new Set(['NotFound', 'NotFoundException']);

/** Neither is there a topic where the queue is not there whose account would be the topic's. */
function isGone(error: unknown): boolean {
  return GONE.has(errorName(error)) || isNoQueue(error);
}

export function topicResource(sns: SNSClient, wish: TopicWish): Resource {
  return { name: `topic ${wish.name}`, service: 'SNS', aspects: [itself(sns, wish), encryption(sns, wish)] };
}

export function subscriptionResource(sns: SNSClient, wish: TopicWish, queue: string): Resource {
  const filter = JSON.stringify(wish.filter);
  const arn = async (): Promise<string | undefined> => await subscriptionArn(sns, wish);
  const attribute = (name: string, key: string, value: string, same: (have: string) => boolean): Aspect => ({
    name,
    look: async () => {
      const SubscriptionArn = await arn();
      const { Attributes } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
      const have = Attributes?.[key] ?? '';
      return same(have) ? AS_WANTED : differs(`it is ${have === '' ? 'not set' : have}`);
    },
    make: async () => {
      const set = { SubscriptionArn: await arn(), AttributeName: key, AttributeValue: value };
      await sns.send(new SetSubscriptionAttributesCommand(set));
    },
  });
  return {
    name: `subscription ${wish.name} → ${queue}`,
    service: 'SNS',
    aspects: [
      {
        name: 'itself',
        look: async () => {
          try {
            return (await arn()) === undefined ? MISSING : AS_WANTED;
          } catch (error) {
            if (isGone(error)) return MISSING;
            throw error;
          }
        },
        make: async () => {
          await sns.send(
            new SubscribeCommand({
              TopicArn: await wish.topicArn(),
              Protocol: 'sqs',
              Endpoint: await wish.eventsQueueArn(),
              ReturnSubscriptionArn: true,
              Attributes: { RawMessageDelivery: 'true', FilterPolicy: filter },
            }),
          );
        },
      },
      attribute('filter', 'FilterPolicy', filter, (have) => isDeepStrictEqual(parsed(have), wish.filter)),
      attribute('messages as published', 'RawMessageDelivery', 'true', (have) => have === 'true'),
    ],
  };
}

function itself(sns: SNSClient, wish: TopicWish): Aspect {
  return {
    name: 'itself',
    look: async (): Promise<Look> => {
      try {
        await sns.send(new GetTopicAttributesCommand({ TopicArn: await wish.topicArn() }));
        return AS_WANTED;
      } catch (error) {
        if (isGone(error)) return MISSING;
        throw error;
      }
    },
    make: async () => {
      await sns.send(new CreateTopicCommand({ Name: wish.name }));
    },
  };
}

/** Any key will do; without one the account's own for SNS is taken. */
function encryption(sns: SNSClient, wish: TopicWish): Aspect {
  return {
    name: 'encryption',
    look: async () => {
      const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn: await wish.topicArn() }));
      return (Attributes?.['KmsMasterKeyId'] ?? '') === '' ? differs('none') : AS_WANTED;
    },
    make: async () => {
      const key = { AttributeName: 'KmsMasterKeyId', AttributeValue: 'alias/aws/sns' };
      await sns.send(new SetTopicAttributesCommand({ TopicArn: await wish.topicArn(), ...key }));
    },
  };
}

async function subscriptionArn(sns: SNSClient, wish: TopicWish): Promise<string | undefined> {
  const TopicArn = await wish.topicArn();
  const endpoint = await wish.eventsQueueArn();
  let NextToken: string | undefined;
  do {
    const page = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn, NextToken }));
    const found = page.Subscriptions?.find((one) => one.Protocol === 'sqs' && one.Endpoint === endpoint);
    if (found !== undefined) return found.SubscriptionArn;
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
