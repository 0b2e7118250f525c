// Collects a vast storage in a process of its own, and prints what came of it as lines of a name and a number:
// node collect-vast.ts <blobs> <repositories> <manifests>
import { openStore } from '../races/registry-view.ts';
import { collectionOn } from './collecting.ts';
import { VastStorage } from './vast-storage.ts';

const [blobs = 0, repositories = 0, manifests = 0] = process.argv.slice(2).map(Number);
const vast = new VastStorage({ blobs, repositories, manifests });
const driver = vast.driver();
// Steps are taken and forgotten, as the command tells them and forgets them.
const run = collectionOn(driver, openStore(driver)).run();
let next = await run.next();
while (next.done !== true) next = await run.next();
const figures = {
  ...vast.count(),
  calls: vast.calls,
  seconds: next.value.seconds,
  mebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
};
for (const [name, figure] of Object.entries(figures)) process.stdout.write(`${name} ${figure}\n`);
