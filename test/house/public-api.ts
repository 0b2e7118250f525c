import ts from 'typescript';
import { publishedPackages, readSource } from './workspace.ts';

/** Where the checked-in list is, relative to the root. */
export const publicApiFile = 'test/house/public-api.txt';

/** Every name that users can import, by entry point: the text of the checked-in list. */
export function publicApi(): string {
  const entries = publishedPackages().flatMap(({ entries }) => [...entries]);
  return entries
    .map(
      ([name, file]) => [name, ...exportsOf(readSource(file)).map((line) => `  ${line}`)].join('\n') + '\n',
    )
    .join('\n');
}

/**
 * The names that `text` exports, sorted, `type ` in front of those that are only types.
 * @throws Error on `export *`: an entry point names what it makes public.
 */
export function exportsOf(text: string): string[] {
  const source = ts.createSourceFile('index.ts', text, ts.ScriptTarget.Latest);
  return source.statements.flatMap(exportsIn).sort((a, b) => (plain(a) < plain(b) ? -1 : 1));
}

function exportsIn(statement: ts.Statement): string[] {
  if (ts.isExportAssignment(statement)) return ['default'];
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    if (clause === undefined || !ts.isNamedExports(clause)) {
      throw new Error('An entry point names what it makes public; it has no `export *`.');
    }
    return clause.elements.map(({ name, isTypeOnly }) => line(name.text, statement.isTypeOnly || isTypeOnly));
  }
  if (!ts.canHaveModifiers(statement)) return [];
  const modifiers = ts.getModifiers(statement) ?? [];
  if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
  if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) return ['default'];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => {
      if (ts.isIdentifier(name)) return name.text;
      throw new Error('An entry point exports its constants one by one.');
    });
  }
  if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    return [line(statement.name.text, true)];
  }
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
    return statement.name === undefined ? [] : [statement.name.text];
  }
  throw new Error(`An entry point exports something this list cannot name: ${ts.SyntaxKind[statement.kind]}`);
}

function line(name: string, typeOnly: boolean): string {
  return typeOnly ? `type ${name}` : name;
}

function plain(exported: string): string {
  return exported.replace(/^type /, '').toLowerCase();
}
