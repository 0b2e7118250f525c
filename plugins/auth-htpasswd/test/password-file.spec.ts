import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { WatchedFile } from '@entrepot/plugin-sdk/access';
import { passwordFile, type Passwords } from '../src/password-file.ts';

const hash = `$2b$10$${'a'.repeat(53)}`;

describe('A password file', () => {
  let folder: string;
  let path: string;
  let file: WatchedFile<Passwords>;
  const errors: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error(details: object) {
      errors.push('err' in details && details.err instanceof Error ? details.err.message : '');
    },
  };
  const names = (): string[] => [...(file.content?.users.keys() ?? [])];

  beforeEach(async () => {
    errors.length = 0;
    folder = await mkdtemp(join(tmpdir(), 'entrepot-htpasswd-'));
    path = join(folder, 'users');
    await writeFile(path, `alice:${hash}\n`);
    file = passwordFile(path, log);
    await file.open();
  });
  afterEach(async () => {
    file.close();
    await rm(folder, { recursive: true });
  });

  it('is taken over when it has changed, written in place or renamed into place', async () => {
    expect(names()).to.deep.equal(['alice']);
    await writeFile(path, `alice:${hash}\nbob:${hash}\n`);
    await file.refresh();
    expect(names()).to.deep.equal(['alice', 'bob']);
    await writeFile(join(folder, 'other'), `carol:${hash}\n`);
    await rename(join(folder, 'other'), path);
    await file.refresh();
    expect(names()).to.deep.equal(['carol']);
    expect(file.content?.hashes).to.deep.equal([hash]);
  });

  it('changes nothing while it is broken or absent; that is logged once, and a good one counts again', async () => {
    await writeFile(path, `alice:${hash}\nbob\n`);
    await file.refresh();
    await file.refresh();
    expect(names()).to.deep.equal(['alice']);
    expect(errors).to.have.lengthOf(1);
    expect(errors[0]).to.include(`${path}: line 2`);
    await rm(path);
    await file.refresh();
    await file.refresh();
    expect(names()).to.deep.equal(['alice']);
    expect(errors).to.have.lengthOf(2);
    await writeFile(path, `bob:${hash}\n`);
    await file.refresh();
    expect(names()).to.deep.equal(['bob']);
    expect(errors).to.have.lengthOf(2);
  });

  it('has to be there and be good when the registry starts', async () => {
    const absent = join(folder, 'absent');
    expect(await openingError(absent)).to.include('absent');
    await writeFile(absent, 'bob:$apr1$x$y\n');
    expect(await openingError(absent)).to.include(`${absent}: line 1`);
  });

  async function openingError(where: string): Promise<string> {
    const other = passwordFile(where, log);
    const error: unknown = await other.open().catch((thrown: unknown) => thrown);
    other.close();
    return error instanceof Error ? error.message : 'it was opened';
  }
});
