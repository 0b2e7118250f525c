/** Something collection does, or in a dry run would do. */
export interface Step {
  readonly action: 'condemn' | 'rescue' | 'delete';
  /** A blob is the registry's; a manifest that of one repository. */
  readonly kind: 'blob' | 'manifest';
  readonly digest: string;
  readonly repository?: string;
  /** Bytes of the blob or the manifest. */
  readonly bytes: number;
}

/** What nothing refers to, and what stays for now because somebody may be about to. */
export interface Waiting {
  readonly count: number;
  readonly bytes: number;
  /** When the first of them may go, and when all may; milliseconds since 1970. `undefined` when there are none. */
  readonly from: number | undefined;
  readonly until: number | undefined;
}

/** What has become of the blobs, or of the untagged manifests. */
export interface Account {
  /** How many there are. */
  readonly found: number;
  readonly condemned: number;
  readonly rescued: number;
  readonly deleted: number;
  /** Bytes of those that were deleted. */
  readonly freed: number;
  readonly waiting: Waiting;
}

/** Counts what happens to one kind of content. */
export class Tally {
  #found = 0;
  #condemned = 0;
  #rescued = 0;
  #deleted = 0;
  #freed = 0;
  #waiting = { count: 0, bytes: 0 };
  #from: number | undefined;
  #until: number | undefined;

  /** So many more there are. */
  find(count: number): void {
    this.#found += count;
  }

  /** Counts a step that has been taken, and gives it. */
  take(step: Step): Step {
    if (step.action === 'condemn') this.#condemned += 1;
    else if (step.action === 'rescue') this.#rescued += 1;
    else {
      this.#deleted += 1;
      this.#freed += step.bytes;
    }
    return step;
  }

  /** Something that nothing refers to stays until `until`, milliseconds since 1970, if nobody needs it meanwhile. */
  wait(bytes: number, until: number): void {
    this.#waiting.count += 1;
    this.#waiting.bytes += bytes;
    this.#from = Math.min(until, this.#from ?? until);
    this.#until = Math.max(until, this.#until ?? until);
  }

  get account(): Account {
    return {
      found: this.#found,
      condemned: this.#condemned,
      rescued: this.#rescued,
      deleted: this.#deleted,
      freed: this.#freed,
      waiting: { ...this.#waiting, from: this.#from, until: this.#until },
    };
  }
}
