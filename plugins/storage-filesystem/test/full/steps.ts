import { statSync } from 'node:fs';
import type { Upload } from '@entrepot/plugin-sdk';
import { FilesystemDriver } from '@entrepot/storage-filesystem';
import { silent } from '../temporary-root.ts';

// A process that changes a root step by step: `steps.ts <root>`. It says each step that has been answered, and asks for a file
// of that name, which a trace of system calls shows.

const [, , root = ''] = process.argv;
const driver = new FilesystemDriver({ root, fsync: true, log: silent });
await driver.start();

const large = { key: 'data/large', offset: 0, parts: 0 };
const bytes = (text: string): Buffer => Buffer.from(text);

answered('started');
const first = await driver.write('new/folder/object', bytes('created'), { ifAbsent: true });
answered('created');
const second = await driver.write('new/folder/object', bytes('replaced'));
answered('replaced');
await driver.write('new/folder/object', bytes('swapped'), { ifMatch: second.etag });
answered('swapped');
await driver.write('new/folder/transient', bytes('transient'), { transient: true });
answered('transient');
let upload: Upload = { ...large, state: await driver.createUpload(large.key) };
upload = {
  ...upload,
  state: await driver.uploadPart(upload, [bytes('large '), bytes('object ')]),
  offset: 13,
  parts: 1,
};
// The upload goes back behind this part, so completing it has to cut the file.
await driver.uploadPart(upload, [bytes('more bytes than the last part has')]);
answered('uploading');
await driver.completeUpload(upload, [bytes('completed')]);
answered('completed');
await driver.delete('new/folder/object');
answered('deleted');
if (first.etag === second.etag) throw new Error('two versions have one etag');
await driver.stop();

function answered(step: string): void {
  statSync(`/answered/${step}`, { throwIfNoEntry: false });
  process.stdout.write(`${step}\n`);
}
