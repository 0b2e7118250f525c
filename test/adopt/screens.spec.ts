import { expect } from 'chai';
import { CopyScreen } from '../../core/src/commands/copy-screen.ts';
import { TransferScreen } from '../../core/src/commands/transfer-screen.ts';

/** What is on a terminal at the end: a line that was cleared is not there. */
function shown(texts: readonly string[]): string {
  return texts
    .join('')
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('\r\u001b[2K') + 1).replace('\u001b[2K', ''))
    .join('\n');
}

describe('what a person sees', () => {
  it('of an import is what is left out, and a table', () => {
    const texts: string[] = [];
    const terminal = { columns: 80, write: (text: string) => texts.push(text) > 0 };
    const progress = {
      total: 3,
      repositories: { done: 3 },
      tags: { found: 1200, set: 1000, skipped: 1 },
      manifests: { found: 5, taken: 5, skipped: 0 },
      blobs: { taken: 9, bytes: 3 * 1024 ** 3, read: 0 },
    };
    const screen = new TransferScreen(terminal, 'import', () => progress);
    screen.skipped({
      reason: 'damaged-link',
      repository: 'team/app',
      tag: 'v1',
      detail: 'it cannot be read',
    });
    screen.end({ ...progress, dryRun: false, seconds: 1.25 });
    screen.stop();
    expect(shown(texts)).to.equal(`damaged-link  team/app:v1
    it cannot be read
Imported in 1.3 s: 3 repositories

                 found   gone over       there    left out
tags             1,200       1,000         199           1
manifests            5           5           0           0

9 blobs, 3.0 GiB
`);
  });

  it('of a copy is what was copied or failed, and the sums', () => {
    const texts: string[] = [];
    const terminal = { columns: 0, write: (text: string) => texts.push(text) > 0 };
    const progress = {
      tags: { found: 3, copied: 1, there: 1, failed: 1 },
      manifests: { copied: 2 },
      blobs: { copied: 4, mounted: 1, there: 0, bytes: 2048 },
    };
    const screen = new CopyScreen(terminal, () => progress);
    screen.took({ from: 'a:1', to: 'a:1', outcome: 'copied' });
    screen.took({ from: 'a:2', to: 'b/a:2', outcome: 'there' });
    screen.took({ from: 'a:3', to: 'b/a:3', outcome: 'failed', reason: 'the registry answered 403' });
    screen.end({ ...progress, dryRun: false, seconds: 2 });
    screen.stop();
    expect(shown(texts)).to.equal(`copied  a:1
failed  a:3 to b/a:3
    the registry answered 403
Copied in 2.0 s

3 tags: 1 copied, 1 there already, 1 failed
2 manifests and 4 blobs sent, 2.0 KiB; 1 blobs taken from other repositories
`);
  });
});
