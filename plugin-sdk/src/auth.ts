/** One thing a request needs to be allowed to do, as in distribution's token specification ("scope"). */
export interface Access {
  readonly type: 'repository' | 'registry';
  /** The repository, or `catalog`. */
  readonly name: string;
  readonly action: 'pull' | 'push' | 'delete' | '*';
}

/** What `authenticate` taps see of a request: its credentials and where it comes from, no more. */
export interface AuthRequest {
  readonly requestId: string;
  readonly method: string;
  /** Address of the peer of the connection. */
  readonly address: string;
  /** From `Authorization: Basic` (RFC 7617). */
  readonly basic?: { readonly username: string; readonly password: string };
  /** From `Authorization: Bearer` (RFC 6750). */
  readonly bearer?: string;
  /** What the request is about to do; empty for `GET /v2/`. */
  readonly access: readonly Access[];
}

/** Who is asking. */
export interface Identity {
  /** Name of the user or robot; it is logged as the actor. */
  readonly subject: string;
  readonly groups?: readonly string[];
  /** Whatever else the authenticating plugin knows, for `authorize` taps. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** What `authorize` taps decide on. All of `access` is needed. */
export interface AuthorizeRequest {
  readonly identity: Identity | undefined;
  readonly access: readonly Access[];
  readonly address: string;
  /** Whether there is such a repository, for rules about new ones; it may cost a look at storage. */
  readonly exists?: (repository: string) => Promise<boolean>;
  /**
   * There when the catalog is asked for. A tap that allows it may say which repositories it shows; all of them when it
   * does not.
   */
  readonly limitCatalog?: (shows: (repository: string) => boolean | Promise<boolean>) => void;
  /** There when somebody wants to know why, not to get in: a tap says which of its rules decides. */
  readonly explain?: (reason: string) => void;
}
