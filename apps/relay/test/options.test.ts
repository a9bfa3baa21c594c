import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultLimits } from '@syncline/relay'
import { expect, test } from 'vitest'
import { readOptions } from '../src/options.ts'
import { settings, type ProgramOptions } from '../src/settings.ts'
import { usage } from '../src/usage.ts'
import { temporaryFolder } from './launch.ts'

function fileOf(words: string): string {
  const path = join(temporaryFolder(), 'relay.json')
  writeFileSync(path, words)
  return path
}

test('[RL38] each setting can be given by a flag, by the environment and in a file, which come before one another in this order', () => {
  const values: Readonly<Record<keyof typeof settings, readonly [words: string, value: unknown]>> = {
    port: ['4401', 4401],
    host: ['::1', '::1'],
    data: ['here', 'here'],
    static: ['dist', 'dist'],
    origins: ['https://board.example', ['https://board.example']],
    logLevel: ['silent', 'silent'],
    epochKey: ['key', 'key'],
    auth: ['none', 'none'],
    jwks: ['keys.json', 'keys.json'],
    jwtSecret: ['secret', 'secret'],
    jwtIssuer: ['us', 'us'],
    jwtAudience: ['board', 'board'],
    jwtRights: ['spaces', 'spaces'],
    metrics: ['[::1]:9464', { host: '::1', port: 9464 }],
    audit: ['audit.log', 'audit.log'],
    drainMs: ['5000', 5000],
    limits: ['maxRooms=7', { maxRooms: 7 }],
  }
  for (const [name, [words, value]] of Object.entries(values)) {
    const { flag, env, isMany, fallback } = settings[name as keyof typeof settings]
    const of = (args: readonly string[], environment: Record<string, string> = {}): unknown =>
      (readOptions(args, environment) as ProgramOptions)[name as keyof ProgramOptions]
    expect([name, of([`--${flag}`, words])]).toEqual([name, value])
    expect([name, of([], { [env]: words })]).toEqual([name, value])
    const inFile = name === 'limits' ? { maxRooms: 7 } : isMany ? [words] : words
    const path = fileOf(JSON.stringify({ [name]: inFile }))
    expect([name, of(['--config', path])]).toEqual([name, value])
    expect([name, of([], { SYNCLINE_CONFIG: path })]).toEqual([name, value])
    expect([name, of([])]).toEqual([name, fallback])
  }
  const path = fileOf('{ "port": 1, "host": "in.file", "data": "in file" }')
  expect(readOptions(['--config', path, '--port', '3'], { SYNCLINE_PORT: '2', SYNCLINE_HOST: 'in.env' })).toMatchObject(
    {
      port: 3,
      host: 'in.env',
      data: 'in file',
    },
  )
})

test('[RL38] every setting is in the help, and in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const [name, { flag, env, fallback }] of Object.entries(settings)) {
    expect(usage).toContain(`--${flag} `)
    expect(usage).toContain(env)
    const isShown = typeof fallback === 'string' || typeof fallback === 'number'
    expect(readme).toContain(`| \`--${flag}\` | \`${env}\` | \`${name}\` | ${isShown ? `\`${fallback}\` |` : '|'}`)
  }
})

test('[RL38] what cannot be meant is said in one line that names where it stands', () => {
  const wrong: readonly (readonly [args: readonly string[], env: Record<string, string>, words: string])[] = [
    [['--port', '65536'], {}, '--port is "65536"; it must be a number from 0 to 65535 (0 takes a free one).'],
    [
      [],
      { SYNCLINE_PORT: '0x10' },
      'SYNCLINE_PORT is "0x10"; it must be a number from 0 to 65535 (0 takes a free one).',
    ],
    [['--host', ''], {}, '--host is ""; it must be an address of this machine.'],
    [['--origin', 'board.example'], {}, '--origin is "board.example"; it must look like https://board.example.'],
    [
      [],
      { SYNCLINE_ORIGINS: 'https://a.example,b' },
      'SYNCLINE_ORIGINS is "b"; it must look like https://board.example.',
    ],
    [
      ['--metrics', 'here:70000'],
      {},
      '--metrics is "here:70000"; it must be a port, or an address and a port like 127.0.0.1:9464.',
    ],
    [['--drain=-1'], {}, 'must be a number of milliseconds'],
    [['--limit', 'maxRooms=many'], {}, '--limit is "many"; it must be a whole number (maxRooms).'],
    [['--limit', 'rooms=1'], {}, 'must name limits of the relay (maxMessageBytes,'],
    [[], { SYNCLINE_LIMITS: 'maxRooms' }, 'SYNCLINE_LIMITS is ""; it must be a whole number (maxRooms).'],
    [['--config', fileOf('{ "prot": 1 }')], {}, 'sets "prot", which is none of port, host,'],
    [['--config', fileOf('{ "port": "x" }')], {}, '"port" in '],
    [['--config', fileOf('[]')], {}, 'must be a JSON object'],
    [['--config', fileOf('{')], {}, 'cannot be read:'],
    [['--config', join(temporaryFolder(), 'none')], {}, 'cannot be read:'],
  ]
  for (const [args, env, words] of wrong) {
    let message = ''
    try {
      readOptions(args, env)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain(words)
    expect(message).not.toContain('\n')
  }
})

test('[RL38] each limit of the relay can be set', () => {
  const given = Object.fromEntries(Object.keys(defaultLimits).map((name, i) => [name, i + 1]))
  expect(readOptions(['--config', fileOf(JSON.stringify({ limits: given }))], {})).toMatchObject({ limits: given })
  const flags = Object.entries(given).flatMap(([name, value]) => ['--limit', `${name}=${value}`])
  expect(readOptions(flags, {})).toMatchObject({ limits: given })
})
