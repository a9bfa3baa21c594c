import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { at } from '../paths.mjs'
import { folderOf } from './temporary.ts'

interface Manifest {
  readonly name: string
  readonly packageManager?: string
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

const manifestAt = (place: string) => JSON.parse(readFileSync(at(place, 'package.json'), 'utf8')) as Manifest
const declaredBy = (pkg: Manifest) =>
  Object.keys({ ...pkg.dependencies, ...pkg.devDependencies, ...pkg.peerDependencies })

const places = [
  ...readdirSync(at('packages')).map((name) => `packages/${name}`),
  'apps/relay',
  'apps/bench',
  'demo',
].filter((place) => existsSync(at(place, 'package.json')))
const manifests = new Map(places.map((place) => [place, manifestAt(place)]))
const everyName = new Set([...manifests.values()].flatMap((pkg) => [pkg.name, ...declaredBy(pkg)]))

/** Where Node looks: the package's own node_modules, then the root's. */
const isReachable = (place: string, name: string) =>
  existsSync(at(place, 'node_modules', name)) || existsSync(at('node_modules', name))

test.each(places)('%s reaches what it declares and nothing else of the workspace', (place) => {
  const tools = Object.keys(manifestAt('.').devDependencies ?? {})
  const allowed = new Set([...declaredBy(manifests.get(place)!), ...tools])
  const reached = [...everyName].filter((name) => isReachable(place, name))
  expect(reached.filter((name) => !allowed.has(name))).toEqual([])
  expect([...allowed].filter((name) => !isReachable(place, name))).toEqual([])
})

test('a planted undeclared import does not resolve, the same import where it is declared does', () => {
  const resolveFrom = (place: string) => () => createRequire(at(place, 'src/planted.js')).resolve('yjs')
  expect(resolveFrom('packages/stm')).toThrow(/Cannot find module 'yjs'/)
  expect(resolveFrom('packages/yjs')()).toContain('yjs')
})

test('a cycle of workspace packages refuses to install', () => {
  const settings = readFileSync(at('pnpm-workspace.yaml'), 'utf8')
  const forbidsCycles = settings.split('\n').find((line) => line.startsWith('disallowWorkspaceCycles:'))
  const workspace = folderOf({
    'package.json': { name: 'planted', private: true },
    'pnpm-workspace.yaml': `packages: [packages/*]\npmOnFail: ignore\n${forbidsCycles}\n`,
    'packages/a/package.json': { name: 'a', version: '1.0.0', dependencies: { b: 'workspace:*' } },
    'packages/b/package.json': { name: 'b', version: '1.0.0', dependencies: { a: 'workspace:*' } },
  })
  const env: NodeJS.ProcessEnv = { ...process.env }
  // Left behind by a surrounding npx; a nested one refuses to run with them.
  delete env.npm_config_call
  delete env.npm_config_package
  const pnpm = manifestAt('.').packageManager!
  const { status, stdout, stderr } = spawnSync('npx', ['--yes', pnpm, 'install', '--offline'], {
    cwd: workspace,
    env,
    encoding: 'utf8',
  })
  expect(stdout + stderr).toContain('cyclic workspace dependencies')
  expect(status).toBe(1)
})
