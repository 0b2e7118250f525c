import type { HttpClient } from './http.ts';
import type { Ledger } from './ledger.ts';
import { digestOf, Wrong, type PushingClient } from './pushing-client.ts';

/**
 * Reads back all that has been acknowledged to a client, after the registry has come back, and settles what was in
 * doubt. Lists are to name exactly what resolves.
 * @throws Wrong
 */
export async function audit(client: PushingClient, http: HttpClient): Promise<void> {
  const { ledger } = client;
  const pulled = new Set<string>();
  for (const digest of ledger.manifests.keys()) {
    if (
      !(await client.pullManifest(digest, pulled)) &&
      ledger.manifests.get(digest)?.there.certain === false
    ) {
      ledger.manifests.delete(digest);
    }
  }
  for (const tag of ledger.tags.keys()) await client.pull(tag, pulled);
  for (const digest of ledger.presentBlobs) await client.pullBlob(digest, pulled);
  await auditTags(ledger, http);
  await auditReferrers(ledger, http);
}

async function auditTags(ledger: Ledger, http: HttpClient): Promise<void> {
  const answer = await http.ask({ method: 'GET', path: `/v2/${ledger.repository}/tags/list` });
  const expected = [...ledger.tags].filter(([, value]) => value.certain !== undefined).map(([tag]) => tag);
  const listed = answer.status === 200 ? (JSON.parse(String(answer.body)) as { tags: string[] }).tags : [];
  if (JSON.stringify(listed) === JSON.stringify(expected.sort())) return;
  throw new Wrong(
    `${ledger.repository}: tags ${JSON.stringify(listed)} are listed, ${String(expected)} are there`,
  );
}

async function auditReferrers(ledger: Ledger, http: HttpClient): Promise<void> {
  const subjects = new Set(ledger.present.flatMap(({ subject }) => subject ?? []));
  for (const subject of subjects) {
    const path = `/v2/${ledger.repository}/referrers/${subject}`;
    const answer = await http.ask({ method: 'GET', path });
    const { manifests } = JSON.parse(String(answer.body)) as {
      manifests: { digest: string }[];
    };
    const listed = manifests.map(({ digest }) => digest);
    const expected = ledger.present
      .filter((each) => each.subject === subject && each.listed.certain === true)
      .map(({ digest }) => digest);
    for (const digest of expected) {
      if (!listed.includes(digest)) throw new Wrong(`${ledger.repository}: referrer ${digest} is not listed`);
    }
    for (const digest of listed) {
      const manifest = await http.ask({
        method: 'GET',
        path: `/v2/${ledger.repository}/manifests/${digest}`,
      });
      if (manifest.status === 200 && digestOf(manifest.body) === digest) continue;
      throw new Wrong(`${ledger.repository}: the listed referrer ${digest} is ${manifest.status}`);
    }
  }
}
