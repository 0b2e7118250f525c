import { definePlugin, RegistryError } from '@entrepot/plugin-sdk';

export default definePlugin<Record<string, never>>({
  name: 'manifest-no-latest',
  schema: { type: 'object', additionalProperties: false, required: [] },
  setup({ name, hooks }) {
    hooks.validateManifest.tap(name, ({ tags }) => {
      if (tags.includes('latest'))
        throw new RegistryError('DENIED', "'latest' is no version: push another tag");
    });
  },
});
