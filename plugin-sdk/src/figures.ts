/** What one process of a registry counts of itself. Counts begin at zero with the process, and again with a reload. */
export interface RegistryFigures {
  /** Requests under `/v2` that are being served now. */
  readonly requests: number;
  /** Uploads whose bytes are being received now. */
  readonly uploads: number;
  readonly events: {
    /** Events that wait for their taps now. */
    readonly waiting: number;
    /** Events no tap has heard of, because too many waited. */
    readonly dropped: number;
  };
  /** What need not be asked for again, by what is kept in memory. */
  readonly caches: Readonly<Record<'records' | 'manifests' | 'blobs', CacheFigures>>;
  readonly collection: CollectionFigures;
}

export interface CacheFigures {
  readonly hits: number;
  readonly misses: number;
}

/** The runs of garbage collection in this process; others may collect as well. */
export interface CollectionFigures {
  /** Runs that came to their end. */
  readonly runs: number;
  /** Runs that failed. */
  readonly failures: number;
  /** Bytes of the blobs and manifests that were deleted. */
  readonly freed: number;
  /** Of the last run that came to its end; undefined before there was one. */
  readonly last?: {
    /** Milliseconds since 1970. */
    readonly ended: number;
    readonly seconds: number;
    /** Bytes that nothing refers to and that stay for now. */
    readonly waiting: number;
    /** Objects that could not be understood. */
    readonly damaged: number;
  };
}
