/**
 * The sentences of plugin.ts and options.ts that the kit holds a plugin to, word for word (a test compares them). The
 * message of a failure quotes the one that broke.
 */
export const pluginSays = {
  apiVersion: 'The version of the plugin contract in this file',
  plainPlugin: 'A configured plugin: plain data and a function',
  name: 'kebab-case, role first: `storage-s3`, `auth-htpasswd`, `events-webhook`',
  schema:
    'JSON schema of the options; the home of their shape, defaults and descriptions. `additionalProperties: false`',
  problems: 'Each problem names the path and what is allowed there',
  setup: 'Synchronous and without I/O, so that `registry check` can wire a registry without a network',
  tapName: "The plugin's name, which is the name it taps hooks with",
  sealed: 'May tap, cannot call; sealed once the last plugin has been set up',
  handle: 'What a plugin wants to be asked to do while the registry lives',
  start: 'Opens connections, checks credentials. HTTP listens only when every plugin has started',
  stop: 'Idempotent. Called in reverse order after HTTP has drained',
  health: 'Throws when the plugin cannot do its work',
} as const;
