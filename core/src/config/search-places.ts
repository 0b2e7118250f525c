/** Where a configuration is looked for, in this order, in the current folder alone: a server must not find one in `$HOME`. */
export const searchPlaces: readonly string[] = [
  ...['ts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml'].map((extension) => `registry.config.${extension}`),
  ...['json', 'yaml', 'yml'].map((extension) => `.registryrc.${extension}`),
];
