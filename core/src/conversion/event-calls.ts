import type { OldOptions } from './old-options.ts';
import type { Members, PluginCall } from './source-text.ts';

/** What the other registry tells of, unless it is told to ignore some (distribution, `notifications/event.go`). */
const ACTIONS = ['pull', 'push', 'mount', 'delete'];
const PATH = 'notifications.endpoints';

/** Who is told what happens. */
export function eventCalls(old: OldOptions): readonly PluginCall[] {
  const all = old.any(PATH);
  if (!Array.isArray(all)) {
    old.leave(PATH);
    return [];
  }
  const endpoints = all.flatMap((each: unknown, index) => endpointOf(old, membersOf(each), index) ?? []);
  return endpoints.length === 0 ? [] : [{ plugin: 'events-webhook', options: { endpoints } }];
}

function endpointOf(old: OldOptions, endpoint: Members, index: number): Members | undefined {
  const { name, url, disabled, headers, timeout, ignore, ...rest } = endpoint;
  const { actions, ...alsoIgnored } = membersOf(ignore);
  for (const [option, value] of Object.entries({ ...rest, ...alsoIgnored })) {
    if (option in alsoIgnored) old.remain(`${PATH}.${index}.ignore.${option}`, value);
    else old.remain(`${PATH}.${index}.${option}`, value);
  }
  if (disabled === true || typeof url !== 'string') return undefined;
  const ignored = Array.isArray(actions) ? actions.map(String) : [];
  const seconds = typeof timeout === 'string' ? old.secondsOf(timeout) : undefined;
  return {
    name: nameOf(name, index),
    url,
    actions: ACTIONS.filter((action) => !ignored.includes(action)),
    headers: headersOf(headers),
    timeoutSeconds: seconds === undefined || seconds === 0 ? undefined : Math.min(seconds, 300),
    // The other registry asks nobody where an endpoint is.
    allowPrivateAddresses: true,
  };
}

/** Letters, digits and hyphens: it names what waits in the storage. */
function nameOf(name: unknown, index: number): string {
  const spelled = typeof name === 'string' ? name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') : '';
  const trimmed = spelled.replace(/^-+|-+$/g, '').slice(0, 60);
  return trimmed === '' ? `endpoint-${index + 1}` : trimmed;
}

function headersOf(headers: unknown): Members | undefined {
  const entries = Object.entries(membersOf(headers)).map(([name, value]): [string, Members] => [
    name,
    { value: Array.isArray(value) ? value.map(String).join(', ') : String(value) },
  ]);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
