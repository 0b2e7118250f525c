import type { ErrorCode } from '@entrepot/plugin-sdk';
import { expect } from 'chai';
import type { Answer } from './http-client.ts';

export type Json = Readonly<Record<string, unknown>>;

/** The JSON object in the body. */
export function jsonOf({ body }: Pick<Answer, 'body'>): Json {
  const json: unknown = JSON.parse(body.toString());
  if (!isObject(json)) throw new Error(`the body is no JSON object: ${body.toString()}`);
  return json;
}

/** The strings in the list `name` of the body. */
export function namesOf(answer: Answer, name: 'tags' | 'repositories'): string[] {
  const names = jsonOf(answer)[name];
  if (!Array.isArray(names)) throw new Error(`${name} is no list`);
  return names.map(String);
}

/** The descriptors of the index in the body. */
export function descriptorsOf(answer: Answer): Json[] {
  const { manifests } = jsonOf(answer);
  if (!Array.isArray(manifests) || !manifests.every(isObject)) throw new Error('manifests is no list');
  return manifests;
}

/** The path of the next page; `undefined` on the last one. */
export function nextPageOf({ headers }: Answer): string | undefined {
  if (headers.link === undefined) return undefined;
  const path = /^<(\/[^>]*)>; rel="next"$/.exec(String(headers.link))?.[1];
  if (path === undefined) throw new Error(`the Link is not understood: ${String(headers.link)}`);
  return path;
}

/**
 * Expects the error body of the distribution-spec ("Error Codes") to the letter, and nothing else. Gives the details.
 */
export function expectError(answer: Answer, status: number, code: ErrorCode): unknown[] {
  expect([answer.status, answer.body.toString()]).to.satisfy(
    ([seen, body]: [number, string]) => seen === status && body.includes(`"${code}"`),
  );
  expect(answer.headers['content-type']).to.equal('application/json');
  expect(answer.headers['content-length']).to.equal(String(answer.body.length));
  const json = jsonOf(answer);
  expect(json).to.have.all.keys('errors');
  const { errors } = json;
  if (!Array.isArray(errors) || errors.length === 0) throw new Error('errors is no list of errors');
  return errors.map((error: unknown) => {
    if (!isObject(error)) throw new Error('an error is no object');
    expect(Object.keys(error)).to.satisfy((names: string[]) =>
      names.every((name) => ['code', 'message', 'detail'].includes(name)),
    );
    expect(error['code']).to.equal(code);
    expect(error['message']).to.be.a('string').and.not.equal('');
    return error['detail'];
  });
}

/** Expects an answer to HEAD that has no body. */
export function expectEmpty(answer: Answer, status: number): void {
  expect([answer.status, answer.body.length]).to.deep.equal([status, 0]);
}

/** The headers that say something of the content, not of this one answer. */
export function contentHeadersOf({ headers }: Answer): Json {
  const own = ['connection', 'date', 'keep-alive', 'x-request-id'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
