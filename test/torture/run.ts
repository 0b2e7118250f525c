import { inspect, parseArgs } from 'node:util';
import { configSchema } from '../../core/src/config/schema.ts';
import { storages, type StorageName } from './storages.ts';
import { torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    clients: { type: 'string', default: '4' },
    storage: { type: 'string', default: 'filesystem' },
    processes: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

function numberOf(name: 'minutes' | 'clients' | 'processes' | 'workers' | 'seed'): number {
  const number = Number(values[name]);
  if (number > 0) return number;
  throw new Error(`--${name} is to be a number above 0, not '${values[name]}'`);
}

/** Versions of the registry that serve in one process only have no such setting. */
function workersOf(): number | undefined {
  if ('workers' in Object(Reflect.get(configSchema.properties.http, 'properties')))
    return numberOf('workers');
  if (values.workers !== '1') say('this registry does not know http.workers: it serves without');
  return undefined;
}

function storageOf(): StorageName {
  const names = Object.keys(storages).join(' or ');
  if (values.storage === 'filesystem' || values.storage === 's3') return values.storage;
  throw new Error(`--storage is to be ${names}, not '${values.storage}'`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const seed = numberOf('seed');
say(`seed ${seed}`);
const { findings, missed, ...report } = await torture({
  seconds: numberOf('minutes') * 60,
  storage: storageOf(),
  clients: numberOf('clients'),
  processes: numberOf('processes'),
  workers: workersOf(),
  seed,
  say,
});
for (const { kind, what, history } of findings) say(`\n${kind}: ${what}\n  ${history.join('\n  ')}`);
say(missed.length === 0 ? 'every moment has been hit' : `never hit: ${missed.join(', ')}`);
say(
  inspect(
    { ...report, moments: `${report.moments - missed.length} of ${report.moments}` },
    { breakLength: 110 },
  ),
);
process.exitCode = findings.length > 0 ? 1 : 0;
