const ROOT = 'events/';

/**
 * Where a sink keeps its events, the only place that spells it:
 *
 *     events/<sink>/queue/<lane>/<entry>    waits to be delivered
 *     events/<sink>/kept/<entry>            has been delivered, and can be again
 *     events/<sink>/dead/<entry>.<n>        the n-th event of an entry, which was given up, and why
 *     events/<sink>/lanes/<lane>            who delivers from that lane
 */
export function outboxKeys(sink: string) {
  const root = `${ROOT}${sink}/`;
  return {
    root,
    queue: `${root}queue/`,
    kept: `${root}kept/`,
    dead: `${root}dead/`,
    lanes: `${root}lanes/`,
    lane: (lane: string) => `${root}queue/${lane}/`,
    entry: (lane: string, name: string) => `${root}queue/${lane}/${name}`,
    keptEntry: (name: string) => `${root}kept/${name}`,
    letter: (name: string, index: number) => `${root}dead/${name}.${index}`,
    /** The last segment of a key. */
    nameOf: (key: string) => key.slice(key.lastIndexOf('/') + 1),
  };
}

/** The prefix under which all sinks are, and the name of the sink whose key this is. */
export const outboxRoot = ROOT;

export function sinkOf(key: string): string {
  return key.slice(ROOT.length).split('/')[0] ?? '';
}
