import type { Content } from '../oci/content.ts';
import type { Answer } from '../oci/http-client.ts';
import { expectStatus, locationOf } from '../oci/pushes.ts';
import { answerTo, ask, begin } from '../e2e/asking.ts';

/** Uploads a blob. Every request has a connection of its own. @throws Error when an answer is not the right one. */
export type Upload = (url: string, repository: string, blob: Content) => Promise<void>;

/** Every way there is to bring the bytes of a blob, as distribution-spec 1.1 has them ("Pushing blobs"). */
export const uploadShapes = {
  /** A single POST with the digest and the bytes. */
  post: async (url, repository, { bytes, digest }) => {
    const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
    expectStatus(await ask(url, 'POST', path, { body: bytes }), 201);
  },

  /** POST, then PUT with all bytes. */
  postAndPut: async (url, repository, { bytes, digest }) => {
    const location = await beginUpload(url, repository);
    expectStatus(await ask(url, 'PUT', `${location}?digest=${digest}`, { body: bytes }), 201);
  },

  /** POST, one PATCH that does not say how long it is, and PUT without bytes. */
  stream: async (url, repository, { bytes, digest }) => {
    const location = await beginUpload(url, repository);
    const asking = begin(url, 'PATCH', location);
    const answer = answerTo(asking);
    for (let offset = 0; offset < bytes.length; offset += 65_536)
      asking.write(bytes.subarray(offset, offset + 65_536));
    asking.end();
    const next = locationOf(expectStatus(await answer, 202).headers);
    expectStatus(await ask(url, 'PUT', `${next}?digest=${digest}`), 201);
  },

  /** POST, PATCHes that say where they belong, and PUT with the last bytes. */
  chunks: async (url, repository, { bytes, digest }) => {
    let location = await beginUpload(url, repository);
    const chunk = Math.ceil(bytes.length / 4);
    for (let offset = 0; offset < 3 * chunk; offset += chunk) {
      const body = bytes.subarray(offset, offset + chunk);
      const headers = { 'content-range': `${offset}-${offset + body.length - 1}` };
      location = locationOf(expectStatus(await ask(url, 'PATCH', location, { headers, body }), 202).headers);
    }
    const body = bytes.subarray(3 * chunk);
    expectStatus(await ask(url, 'PUT', `${location}?digest=${digest}`, { body }), 201);
  },
} satisfies Readonly<Record<string, Upload>>;

/** Makes a blob of another repository one of this. @throws Error when it is not there. */
export async function mount(
  url: string,
  repository: string,
  { digest }: Content,
  from: string,
): Promise<Answer> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
  return expectStatus(await ask(url, 'POST', path), 201);
}

async function beginUpload(url: string, repository: string): Promise<string> {
  return locationOf(expectStatus(await ask(url, 'POST', `/v2/${repository}/blobs/uploads/`), 202).headers);
}
