import { describe, expect, it } from 'vitest';
import { CredentialSource, type ExpiringCredentials } from '../../../src/io/aws/credentials.ts';
import { FakeClock, faultCode } from '../../contract/support.ts';

const HOUR_MS = 3_600_000;

function setUp(lifeMs: number | undefined) {
  const clock = new FakeClock();
  const asked: { force: boolean }[] = [];
  const state = { broken: false };
  const source = new CredentialSource(async (options): Promise<ExpiringCredentials> => {
    asked.push({ force: options?.forceRefresh === true });
    if (state.broken) throw new TypeError('secret detail of the provider');
    const accessKeyId = `KEY${asked.length}`;
    const held = { accessKeyId, secretAccessKey: 's' };
    return lifeMs === undefined ? held : { ...held, expiration: new Date(clock.nowMs() + lifeMs) };
  }, clock);
  const key = async () => (await source.current()).accessKeyId;
  return { clock, asked, state, source, key };
}

describe('credentials', () => {
  it('are asked for once where they do not expire', async () => {
    const { clock, asked, key } = setUp(undefined);
    expect(await Promise.all([key(), key(), key()])).toEqual(['KEY1', 'KEY1', 'KEY1']);
    await clock.advance(1000 * HOUR_MS);
    expect(await key()).toBe('KEY1');
    expect(asked).toEqual([{ force: false }]);
  });

  it('are renewed before they expire, without anyone waiting', async () => {
    const { clock, asked, key } = setUp(HOUR_MS);
    expect(await key()).toBe('KEY1');
    await clock.advance(HOUR_MS - 6 * 60_000);
    expect(await key()).toBe('KEY1');
    expect(asked.length).toBe(1);
    await clock.advance(2 * 60_000);
    expect(await key()).toBe('KEY1');
    await Promise.resolve();
    expect(await key()).toBe('KEY2');
    expect(asked).toEqual([{ force: false }, { force: true }]);
  });

  it('hold while renewing fails, which is tried again after a pause', async () => {
    const { clock, asked, state, key } = setUp(HOUR_MS);
    await key();
    state.broken = true;
    await clock.advance(HOUR_MS - 4 * 60_000);
    for (let i = 0; i < 5; i++) expect(await key()).toBe('KEY1');
    expect(asked.length).toBe(2);
    await clock.advance(60_000);
    expect(await key()).toBe('KEY1');
    expect(asked.length).toBe(3);
    await clock.advance(3 * 60_000);
    expect(await faultCode(key())).toBe('SERVICE_DENIED');
    state.broken = false;
    expect(await key()).toBe(`KEY${asked.length}`);
  });

  it('are renewed at once when the service refuses them, and only those it refused', async () => {
    const { asked, source, key } = setUp(HOUR_MS);
    const first = await source.current();
    source.refused(first);
    expect(await Promise.all([key(), key()])).toEqual(['KEY2', 'KEY2']);
    source.refused(first);
    expect(await key()).toBe('KEY2');
    expect(asked).toEqual([{ force: false }, { force: true }]);
  });

  it('whose provider fails are a fault that does not quote it', async () => {
    const { state, source } = setUp(HOUR_MS);
    state.broken = true;
    await expect(source.current()).rejects.toThrow(/^(?!.*secret detail).*TypeError/);
  });
});
