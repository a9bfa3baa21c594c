import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { settings, type ProgramOptions, type Setting } from './settings.ts'
import { UsageError } from './usage.ts'

const names = Object.keys(settings) as (keyof ProgramOptions)[]

/** Reads the arguments, for what they leave open the environment, and for what that leaves open the file. Throws {@link UsageError}. */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ProgramOptions | 'help' | 'version' {
  const given = parse(args)
  if (given['help'] === true) return 'help'
  if (given['version'] === true) return 'version'
  const path = (given['config'] as string | undefined) ?? env['SYNCLINE_CONFIG']
  const file = path === undefined ? {} : readConfig(path)
  const values: unknown = Object.fromEntries(names.map((name) => [name, valueOf(name, given, env, file, path)]))
  return values as ProgramOptions
}

type Words = string | readonly string[] | boolean | undefined

function valueOf(
  name: keyof ProgramOptions,
  given: Readonly<Record<string, Words>>,
  env: Readonly<Record<string, string | undefined>>,
  file: Readonly<Record<string, unknown>>,
  path: string | undefined,
): unknown {
  const { flag, env: variable, isMany, fallback, fromWords, schema } = settings[name] as Setting<unknown>
  const words = given[flag] as string | readonly string[] | undefined
  if (words !== undefined) return check(`--${flag}`, fromWords([words].flat()), schema)
  const text = env[variable]
  if (text !== undefined) return check(variable, fromWords(isMany ? listOf(text) : [text]), schema)
  if (name in file) return check(`"${name}" in ${path}`, file[name], schema)
  return fallback
}

const listOf = (text: string): readonly string[] => (text === '' ? [] : text.split(',').map((word) => word.trim()))

function check(where: string, value: unknown, schema: v.GenericSchema<unknown, unknown>): unknown {
  const found = v.safeParse(schema, value)
  if (found.success) return found.output
  const [{ message, path }] = found.issues
  const wrong = path?.at(-1)?.value ?? value
  throw new UsageError(`${where} is ${JSON.stringify(wrong)}; it ${message}.`)
}

function parse(args: readonly string[]): Readonly<Record<string, Words>> {
  try {
    const options = Object.fromEntries(
      Object.values(settings).map(({ flag, isMany }) => [flag, { type: 'string' as const, multiple: isMany }]),
    )
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...options,
        config: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    })
    return values as Readonly<Record<string, Words>>
  } catch (error) {
    const [problem] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(`${problem} See syncline-relay --help.`)
  }
}

/** What a file says: a JSON object that has no other names than the settings. */
function readConfig(path: string): Readonly<Record<string, unknown>> {
  let found: unknown
  try {
    found = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new UsageError(`${path} must be a JSON object, such as { "port": 4400 }.`)
  for (const name of Object.keys(found)) {
    if (Object.hasOwn(settings, name)) continue
    throw new UsageError(`${path} sets "${name}", which is none of ${names.join(', ')}.`)
  }
  return found as Readonly<Record<string, unknown>>
}
