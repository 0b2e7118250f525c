import { lookup } from 'node:dns/promises';
import type { Diagnosis } from '../diagnostics.ts';

/** Seconds that a clock may be off: signatures of requests are refused from some minutes on. */
const FEW_SECONDS = 5;
const MANY_SECONDS = 60;
const PATIENCE = 10_000;

/** Looks whether the host of a bucket has a name, answers, and agrees on the time. Asks for nothing, so any answer will do. */
export async function diagnoseEndpoint(endpoint: string): Promise<readonly Diagnosis[]> {
  const { hostname } = new URL(endpoint);
  const subject = `the endpoint ${endpoint}`;
  try {
    await lookup(hostname.replace(/^\[(.*)\]$/, '$1'));
  } catch (error) {
    const finding = `the name ${hostname} is not known: ${textOf(error)}`;
    return [{ subject, state: 'bad', finding, advice: 'correct the endpoint, or the DNS of this machine' }];
  }
  const asked = Date.now();
  let date: string | null;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(endpoint, { method: 'HEAD', redirect: 'manual', signal });
    date = answer.headers.get('date');
  } catch (error) {
    const finding = `does not answer: ${textOf(error)}`;
    return [
      {
        subject,
        state: 'bad',
        finding,
        advice: 'look at firewalls, proxies and certificates between here and there',
      },
    ];
  }
  const reached: Diagnosis = { subject, state: 'good', finding: 'answers' };
  if (date === null) return [reached];
  const off = Math.round((Date.parse(date) - (asked + Date.now()) / 2) / 1000);
  const finding = `differs by ${Math.abs(off)} s from that of ${hostname}`;
  if (Math.abs(off) <= FEW_SECONDS) return [reached, { subject: 'the clock', state: 'good', finding }];
  const state = Math.abs(off) > MANY_SECONDS ? 'bad' : 'doubtful';
  return [
    reached,
    { subject: 'the clock', state, finding, advice: 'let NTP set it, with chrony for instance' },
  ];
}

/** What fetch throws says why in its cause. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
