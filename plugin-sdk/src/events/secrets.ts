import { readFileSync } from 'node:fs';

/** A text that is written down, or where it is. Exactly one of them. */
export interface SecretOptions {
  readonly value?: string;
  readonly env?: string;
  readonly file?: string;
}

export const secretSchema = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    value: { type: 'string', minLength: 1, nullable: true, description: 'The text itself.' },
    env: {
      type: 'string',
      minLength: 1,
      nullable: true,
      description: 'The environment variable that has it.',
    },
    file: {
      type: 'string',
      minLength: 1,
      nullable: true,
      description: 'The file that has it, without its last line feed.',
    },
  },
} as const;

/** Says what is wrong with the options; undefined when nothing is. Nothing is read. */
export function secretProblem({ value, env, file }: SecretOptions): string | undefined {
  const given = [value, env, file].filter((each) => each !== undefined).length;
  return given === 1 ? undefined : "give exactly one of 'value', 'env' and 'file'";
}

/** Reads it. @throws Error that names the variable or the file, and never what is in it. */
export function readSecret({ value, env, file }: SecretOptions): string {
  if (value !== undefined) return value;
  if (env !== undefined) {
    const found = process.env[env];
    if (found === undefined || found === '') throw new Error(`the environment variable ${env} is not set`);
    return found;
  }
  try {
    return readFileSync(file ?? '', 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`the file ${file} cannot be read`, { cause: error });
  }
}
