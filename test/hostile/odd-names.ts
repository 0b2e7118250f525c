import { digestOf } from '../oci/content.ts';
import type { Dice } from './dice.ts';

/** What the registry holds when it is tried, for requests that get far. */
export interface Known {
  readonly repositories: readonly [string, ...string[]];
  readonly tags: readonly [string, ...string[]];
  readonly digests: readonly [string, ...string[]];
  /** Paths of uploads in progress. */
  readonly uploads: readonly [string, ...string[]];
}

const nasty = [
  '..',
  '.',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/etc/passwd',
  '%252e%252e%252f',
  '..\\..\\windows',
  '%00',
  'a%00b',
  '%0d%0aSet-Cookie:%20a=b',
  '%0a',
  '%',
  '%zz',
  '%c0%ae%c0%ae',
  '%ff%fe',
  '%F0%9F%92%A9',
  '%ud800',
  '~',
  'a~b',
  '-',
  '_',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'A',
  'library/App',
  'a//b',
  'a/',
  '/a',
  'a b',
  'a+b',
  'a%20b',
  'a;b',
  "a'b",
  'a"b',
  '<script>',
  '{}',
  '[]',
  '*',
  '$(id)',
  '`id`',
  '|id',
  'con',
  'nul',
  'aux.txt',
  '.git',
  'x/blobs',
  'x/tags/list',
  'x/manifests/y',
  'uploads',
  '_catalog',
  'undefined',
  'null',
  'NaN',
  '-1',
  '1e9',
  '0x10',
] as const;

const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');

/** Names, tags, digests and ids as clients of every kind write them. None has white space or line ends in it. */
export class OddNames {
  readonly #dice: Dice;
  readonly #known: Known;

  constructor(dice: Dice, known: Known) {
    this.#dice = dice;
    this.#known = known;
  }

  odd(): string {
    const dice = this.#dice;
    return dice.oneOf<string>(
      () => dice.pick(nasty).replaceAll(' ', '%20'),
      () => dice.text(1 + dice.length(300), printable),
      () => dice.text(1 + dice.length(12_000), 'a'),
      () => dice.text(1 + dice.length(3_000), '%2'),
      () => encodeURIComponent(dice.text(1 + dice.length(200), '\0\x01\x1f\x7f\xff/é☃\u{1f600}')),
      () => `${'a/'.repeat(dice.length(3_000))}b`,
      () => dice.text(1 + dice.length(100), 'a-_.'),
      () =>
        dice
          .bytes(1 + dice.length(50))
          .toString('latin1')
          .replace(/[\s\0]/g, '\xa0'),
    );
  }

  repository(): string {
    return this.#dice.chance(0.75) ? this.#dice.pick(this.#known.repositories) : this.odd();
  }

  tag(): string {
    return this.#dice.chance(0.7) ? this.#dice.pick(this.#known.tags) : this.odd();
  }

  digest(): string {
    const dice = this.#dice;
    if (dice.chance(0.6)) return dice.pick(this.#known.digests);
    return dice.oneOf<string>(
      () => digestOf(dice.bytes(4)),
      () => digestOf(dice.bytes(4), 'sha512'),
      () => digestOf('').toUpperCase(),
      () => digestOf('').slice(0, -1),
      () => `${digestOf('')}0`,
      () => digestOf('').replace(':', '%3A'),
      () => digestOf('').replace(':', '%253A'),
      () => `md5:${dice.text(32, '0123456789abcdef')}`,
      () => `sha256:${'../'.repeat(dice.length(30))}`,
      () => `sha256:${dice.text(64, 'g')}`,
      () => `sha256:${dice.text(dice.length(5_000), '0')}`,
      () => 'sha256:',
      () => ':',
      () => this.odd(),
    );
  }

  /** The path of an upload, or of what may be taken for one. */
  upload(): string {
    const dice = this.#dice;
    if (dice.chance(0.7)) return dice.pick(this.#known.uploads);
    const id = dice.oneOf<string>(
      () => '0199ffff-0000-7000-8000-000000000000',
      () => 'ffffffff-ffff-ffff-ffff-ffffffffffff',
      () => dice.text(32, '0123456789abcdef'),
      () => this.odd(),
    );
    return `/v2/${this.repository()}/blobs/uploads/${id}`;
  }
}
