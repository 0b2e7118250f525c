import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { keepLog, parseLine } from './plugins/log-lines.ts';

/** What a process writes to standard output that makes a log there, runs `script` with it, and exits. */
async function outputOf(
  script: string,
  settings = "{ level: 'info', format: 'auto', access: true }",
): Promise<string> {
  const source = fileURLToPath(new URL('../src/log.ts', import.meta.url));
  const text = `const { createLog } = await import(${JSON.stringify(source)});\nconst log = await createLog(${settings});\n${script}`;
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text])).stdout;
}

describe('The log', () => {
  it('is one JSON object a line, with time, level and message', async () => {
    const { log, lines } = await keepLog();
    log.info({ reqId: '1' }, 'request');
    const [line] = lines;
    expect(line).to.deep.include({ level: 'info', reqId: '1', msg: 'request' });
    expect(line).to.have.all.keys('level', 'time', 'reqId', 'msg');
    expect(new Date(String(line?.['time'])).toISOString()).to.equal(line?.['time']);
  });

  it('writes the level it is told and what is more severe', async () => {
    const text = await outputOf(
      "log.info('a'); log.warn('b'); log.error('c');",
      "{ level: 'warn', format: 'json', access: true }",
    );
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => parseLine(line)['msg']),
    ).to.deep.equal(['b', 'c']);
    expect(await outputOf("log.fatal('a');", "{ level: 'silent', format: 'json', access: true }")).to.equal(
      '',
    );
  });

  it('takes out what goes by the name of a secret, at any depth and in any case', async () => {
    const { log, lines } = await keepLog();
    log.info(
      {
        password: 'p1',
        headers: { Authorization: 'Basic p2', 'set-cookie': ['p3'], accept: '*/*' },
        list: [{ refresh_token: 'p4', clientSecret: 'p5' }],
        options: { auth: { apiKey: { value: 'p6' } } },
        at: new Date(0),
      },
      'request',
    );
    expect(JSON.stringify(lines)).to.not.match(/p\d/);
    expect(lines[0]).to.deep.include({
      password: '[redacted]',
      headers: { Authorization: '[redacted]', 'set-cookie': '[redacted]', accept: '*/*' },
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it('takes secrets out of errors too, and keeps their message, stack and cause', async () => {
    const { log, lines } = await keepLog();
    const cause = new Error('socket closed');
    const error = Object.assign(new Error('upload failed', { cause }), {
      code: 'E_S3',
      request: { headers: { authorization: 'p1' } },
    });
    log.error({ err: error }, 'a tap has failed');
    log.error(error);
    log.error({ reason: error }, 'again');
    expect(JSON.stringify(lines)).to.not.include('p1');
    expect(lines[0]).to.have.nested.property('err.code', 'E_S3');
    expect(lines[0])
      .to.have.nested.property('err.message')
      .that.includes('upload failed')
      .and.includes('socket closed');
    expect(lines[0]).to.have.nested.property('err.stack').that.includes('log.spec.ts');
    expect(lines[1]).to.have.nested.property('err.code', 'E_S3');
    expect(lines[2]).to.have.nested.property('reason.code', 'E_S3');
  });

  it('leaves what it is given as it was', async () => {
    const { log } = await keepLog();
    const details = { headers: { authorization: 'Basic x' } };
    log.info(details, 'request');
    expect(details).to.deep.equal({ headers: { authorization: 'Basic x' } });
  });

  it('loses no line when the process exits at once', async () => {
    const text = await outputOf(
      "for (let line = 0; line < 1000; line += 1) log.info({ line }, 'request'); process.exit(0);",
    );
    const lines = text.trim().split('\n');
    expect(lines).to.have.lengthOf(1000);
    expect(parseLine(lines.at(-1) ?? '')).to.deep.include({ line: 999 });
  });

  it('is JSON where there is no terminal, and for people when asked', async () => {
    expect(await outputOf("log.info({ port: 1 }, 'serves');")).to.match(
      /^\{"level":"info".*"port":1,"msg":"serves"\}\n$/,
    );
    const pretty = await outputOf(
      "log.info({ port: 1 }, 'serves');",
      "{ level: 'info', format: 'pretty', access: true }",
    );
    expect(pretty).to.match(/INFO.*serves.*"port":1/);
  });
});
