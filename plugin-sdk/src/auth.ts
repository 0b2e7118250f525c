import type { IncomingMessage } from 'node:http';

/** One thing a request needs to be allowed to do, as in distribution's token specification ("scope"). */
export interface Access {
  readonly type: 'repository' | 'registry';
  /** The repository, or `catalog`. */
  readonly name: string;
  readonly action: 'pull' | 'push' | 'delete' | '*';
}

/**
 * A certificate that a client has shown over TLS: issued by one of the client CAs of the server, for clients, and not
 * expired. All of that has been verified.
 */
export interface ClientCertificate {
  /** Of the subject. One, mostly; several say no more who it is than none. */
  readonly commonNames: readonly string[];
  /** Of the subject. */
  readonly organizationalUnits: readonly string[];
  /** From the alternative names of the subject (RFC 5280, 4.2.1.6). */
  readonly emails: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** SHA-256 of the whole certificate, in 64 hexadecimal digits, small letters. */
  readonly fingerprint: string;
}

/** Where a request comes from. */
export interface Client {
  /** Of who has connected; behind proxies that the configuration trusts, of who they say has. */
  readonly address: string;
  /** What the client has shown of itself, when there is TLS and no proxy in between. */
  readonly certificate?: ClientCertificate;
}

/** What `authenticate` taps see of a request: its credentials and where it comes from, no more. */
export interface AuthRequest extends Client {
  readonly requestId: string;
  readonly method: string;
  /** From `Authorization: Basic` (RFC 7617). */
  readonly basic?: { readonly username: string; readonly password: string };
  /** From `Authorization: Bearer` (RFC 6750). */
  readonly bearer?: string;
  /** What the request is about to do; empty for `GET /v2/`. */
  readonly access: readonly Access[];
}

/** What credentials such as a key are limited to: some actions in some repositories. */
export interface Scope {
  /** Patterns of names: `*` is any characters within a path component, `**` one or more components. */
  readonly repositories: readonly string[];
  /** `catalog` lists repositories, of which those are shown that may be pulled from; `*` is everything. */
  readonly actions: readonly (Access['action'] | 'catalog')[];
}

/** Who is asking. */
export interface Identity {
  /** Name of the user or robot; it is logged as the actor. */
  readonly subject: string;
  readonly groups?: readonly string[];
  /** Whatever else the authenticating plugin knows, for `authorize` taps. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The credentials are good, and say that it is nobody: who shows them is taken for a stranger, and not refused. */
  readonly anonymous?: boolean;
  /** The most that these credentials allow, whatever their owner may do: what is in none of them is denied. */
  readonly scopes?: readonly Scope[];
  /** What is in `scopes` is allowed, and no tap of `authorize` is asked: for robots, whom no rule needs to know. */
  readonly hasOwnRights?: boolean;
}

/** Asks the plugins of the registry what they would ask of a request, for a plugin that issues tokens for instance. */
export interface Decisions {
  /** Where a request of `middleware` comes from, as the registry sees its own. */
  clientOf(request: IncomingMessage): Client;
  /**
   * Who is asking, as all taps of `authenticate` see it; undefined when nobody has said who they are.
   * @throws RegistryError `UNAUTHORIZED` with the challenges when the credentials are wrong; whatever a tap throws.
   */
  identify(request: AuthRequest): Promise<Identity | undefined>;
  /** Whether that identity may do all of `access`, as all taps of `authorize` see it. @throws whatever a tap throws. */
  permits(identity: Identity | undefined, access: readonly Access[], address: string): Promise<boolean>;
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
