import type { JudgedTag } from '@entrepot/plugin-sdk';
import { matchesText } from '@entrepot/plugin-sdk/access';
import { VersionRange } from './versions.ts';

/** A rule as it is written: one criterion, for some tags or all. */
export interface KeepOptions {
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly always?: boolean;
  readonly semver?: string;
  readonly includePrerelease?: boolean;
  readonly lastPushed?: number;
  readonly lastPulled?: number;
  readonly pushedWithin?: number;
  readonly pulledWithin?: number;
}

/** A tag with what is known of its last pull, or of its push where it has not been pulled since. */
export interface Candidate extends JudgedTag {
  /** It has been used then at least; milliseconds since 1970. */
  readonly usedFrom: number;
  /** It may have been used until then: the same, unless pulls of it may be unknown. */
  readonly usedUntil: number;
}

/** Names of criteria, of which a rule has one. */
const criteria = ['always', 'semver', 'lastPushed', 'lastPulled', 'pushedWithin', 'pulledWithin'] as const;

/** Which tags a rule keeps. */
export interface KeepRule {
  /** For people: `keep rule 2 (lastPushed 10)`. */
  readonly title: string;
  /** Whether it asks when tags were pulled. */
  readonly needsPulls: boolean;
  /** Those of the tags that it keeps, at this moment; milliseconds since 1970. */
  keeps(tags: readonly Candidate[], now: number): ReadonlySet<string>;
}

/** @throws Error that says what is wrong with the rule. */
export function keepRuleOf(options: KeepOptions, number: number): KeepRule {
  const given = criteria.filter((name) => options[name] !== undefined);
  const [criterion] = given;
  if (options.always === false) throw new Error(`keep rule ${number} says 'always: false': leave it out`);
  if (criterion === undefined || given.length > 1)
    throw new Error(`keep rule ${number} needs exactly one of ${criteria.join(', ')}`);
  const { name, tags: patterns = ['*'], includePrerelease = false } = options;
  const select = selectionOf(options, includePrerelease);
  const isMeant = ({ tag }: Candidate): boolean => patterns.some((pattern) => matchesText(pattern, tag));
  return {
    title: `keep rule ${number}, ${name ?? `${criterion} ${criterion === 'always' ? '' : String(options[criterion])}`.trim()}`,
    needsPulls: criterion === 'lastPulled' || criterion === 'pulledWithin',
    keeps: (tags, now) => new Set(select(tags.filter(isMeant), now).map(({ tag }) => tag)),
  };
}

type Selection = (tags: readonly Candidate[], now: number) => readonly Candidate[];

function selectionOf(
  { semver, lastPushed, lastPulled, pushedWithin, pulledWithin }: KeepOptions,
  includePrerelease: boolean,
): Selection {
  if (semver !== undefined) {
    const range = new VersionRange(semver, { includePrerelease });
    return (tags) => tags.filter(({ tag }) => range.has(tag));
  }
  if (lastPushed !== undefined) return (tags) => newest(tags, lastPushed, ({ pushed }) => [pushed, pushed]);
  if (lastPulled !== undefined)
    return (tags) => newest(tags, lastPulled, ({ usedFrom, usedUntil }) => [usedFrom, usedUntil]);
  if (pushedWithin !== undefined)
    return (tags, now) => tags.filter(({ pushed }) => pushed > now - pushedWithin * 1000);
  if (pulledWithin !== undefined)
    return (tags, now) => tags.filter(({ usedUntil }) => usedUntil > now - pulledWithin * 1000);
  return (tags) => tags;
}

/**
 * The newest so many, of times that are known to lie between two limits. All are kept that may be among them: one goes
 * only if so many others are certainly newer. Of equals none is newer, so all of them stay.
 */
function newest(
  tags: readonly Candidate[],
  count: number,
  limitsOf: (tag: Candidate) => readonly [from: number, until: number],
): readonly Candidate[] {
  const certain = tags.map((tag) => limitsOf(tag)[0]).toSorted((one, other) => other - one);
  const threshold = certain[count - 1] ?? -Infinity;
  return tags.filter((tag) => limitsOf(tag)[1] >= threshold);
}
