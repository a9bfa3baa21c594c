/**
 * Proves the picture of the packages: `node scripts/graph.mjs`.
 *
 *     5  apps/bench
 *     4  apps and the demo
 *        testing
 *     3  react zustand idb websocket node yjs devtools   y-protocols vite
 *     2  store   relay
 *     1  protocol
 *     0  merge
 *        stm
 *
 * Imports point strictly down, never sideways, never up. The bench measures what there is, programs too. merge stands on stm, inside the one layer that knows only values; testing
 * stands on the adapters, because it runs whole systems. One arrow goes sideways: y-protocols stands on the codec of yjs, and on nothing else of it.
 * Every import is declared in the package.json beside it, and declared workspace dependencies form no cycle.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, relative } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { parseSync } from 'vite'
import { root } from './paths.mjs'

/** Arrows that the layer numbers alone would allow, but that would put server code into browsers or the reverse. */
const adaptersOf = {
  store: ['react', 'zustand', 'idb', 'websocket', 'node', 'yjs', 'devtools'],
  relay: ['y-protocols', 'vite'],
}

/** The one arrow sideways: what relays need to know of documents is told by those who keep them in stores, in a subpath that needs no store. */
const besideOf = { 'y-protocols': { yjs: '@syncline/yjs/codec' } }

const layers = {
  stm: 0,
  merge: 0.5,
  protocol: 1,
  store: 2,
  relay: 2,
  ...Object.fromEntries([...adaptersOf.store, ...adaptersOf.relay].map((name) => [name, 3])),
  testing: 3.5,
}
const topLayer = 4
/** What measures programs stands on them. */
const benchLayer = 5

const scope = '@syncline/'

/** Returns one sentence per violation in the workspace at `base`. */
export function check(base) {
  const packages = readPackages(base)
  const declared = packages.flatMap((pkg) => checkDeclared(pkg))
  const used = packages.flatMap((pkg) => checkImports(base, pkg, readJson(join(base, 'package.json'))))
  return [...declared, ...used, ...checkCycles(packages)]
}

function readPackages(base) {
  const inside = (folder) =>
    existsSync(join(base, folder)) ? readdirSync(join(base, folder)).map((name) => join(folder, name)) : []
  return [...inside('packages'), ...inside('apps'), 'demo']
    .filter((place) => existsSync(join(base, place, 'package.json')))
    .map((place) => {
      const manifest = readJson(join(base, place, 'package.json'))
      const isLibrary = place.startsWith('packages')
      const short = isLibrary ? manifest.name.replace(scope, '') : place
      return {
        place,
        manifest,
        short,
        layer: isLibrary ? layers[short] : place === join('apps', 'bench') ? benchLayer : topLayer,
      }
    })
}

function checkDeclared(pkg) {
  if (pkg.layer === undefined) {
    return [`${pkg.place}: "${pkg.short}" is not in the layer table of scripts/graph.mjs. Decide where it belongs.`]
  }
  const names = [...Object.keys(pkg.manifest.dependencies ?? {}), ...Object.keys(pkg.manifest.peerDependencies ?? {})]
  return names.flatMap((name) => {
    const arrow = arrowProblem(pkg, name)
    return arrow ? [`${pkg.place}/package.json: ${arrow}`] : []
  })
}

function checkImports(base, pkg, rootManifest) {
  if (pkg.layer === undefined) return []
  const { dependencies, peerDependencies, devDependencies } = pkg.manifest
  const runtime = new Set(Object.keys({ ...dependencies, ...peerDependencies }))
  const everything = new Set([...runtime, ...Object.keys(devDependencies ?? {})])
  const tools = new Set(Object.keys(rootManifest.devDependencies ?? {}))

  return sourceFiles(join(base, pkg.place)).flatMap((file) => {
    const path = relative(base, file)
    const isSource = relative(join(base, pkg.place), file).startsWith('src/') && !/\.test\.tsx?$/.test(file)
    return importsOf(file).flatMap(({ specifier, typeOnly }) => {
      if (specifier.startsWith('.')) return leavesPackage(base, pkg, file, specifier)
      if (isBuiltin(specifier) || specifier.startsWith('virtual:')) return []
      const name = packageNameOf(specifier)
      if (name === pkg.manifest.name) return []
      const isDeclared = isSource ? runtime.has(name) || (typeOnly && everything.has(name)) : everything.has(name)
      if (!isDeclared && (isSource || !tools.has(name))) {
        return [`${path}: imports "${specifier}", which ${pkg.place}/package.json does not declare.`]
      }
      // A test may look sideways or up through a declared devDependency: it ships to nobody.
      const arrow = isSource ? arrowProblem(pkg, name, specifier) : undefined
      return arrow ? [`${path}: ${arrow}`] : []
    })
  })
}

function arrowProblem(from, name, specifier) {
  if (!name.startsWith(scope)) return undefined
  const to = name.slice(scope.length)
  const layer = layers[to] ?? topLayer
  if (layer > from.layer) return `arrow up: ${from.short} (layer ${from.layer}) to ${to} (layer ${layer}).`
  const beside = besideOf[from.short]?.[to]
  if (beside !== undefined) {
    // Declared is the package; imported may be that subpath of it only.
    return specifier === undefined || specifier === beside
      ? undefined
      : `${from.short} takes of ${to} only "${beside}", which needs no store.`
  }
  if (layer === from.layer) return `arrow sideways: ${from.short} to ${to}, both in layer ${layer}.`
  for (const [core, adapters] of Object.entries(adaptersOf)) {
    if (to === core && from.layer === 3 && !adapters.includes(from.short)) {
      return `wrong side: ${from.short} does not belong to ${core}.`
    }
  }
  return undefined
}

function leavesPackage(base, pkg, file, specifier) {
  const target = relative(join(base, pkg.place), join(file, '..', specifier))
  return target.startsWith('..')
    ? [`${relative(base, file)}: "${specifier}" reaches into another folder; import it by its package name.`]
    : []
}

function checkCycles(packages) {
  const byName = new Map(packages.map((pkg) => [pkg.manifest.name, pkg]))
  const settled = new Set()
  const cycles = []
  const visit = (pkg, path) => {
    if (path.includes(pkg)) {
      const names = [...path.slice(path.indexOf(pkg)), pkg].map((each) => each.short)
      cycles.push(`cycle of workspace dependencies: ${names.join(' → ')}.`)
      return
    }
    if (settled.has(pkg)) return
    const { dependencies, peerDependencies, devDependencies } = pkg.manifest
    for (const name of Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })) {
      const next = byName.get(name)
      if (next) visit(next, [...path, pkg])
    }
    settled.add(pkg)
  }
  for (const pkg of packages) visit(pkg, [])
  return cycles
}

/** Every module that a file names, and whether only types come from it. */
function importsOf(file) {
  const { program, errors } = parseSync(file, readFileSync(file, 'utf8'))
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const found = []
  const add = (source, typeOnly) => {
    if (typeof source?.value === 'string') found.push({ specifier: source.value, typeOnly })
  }
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (node === null || typeof node !== 'object') return
    // `import { type A } from 'x'` keeps the import at run time, so only `import type` counts as type-only.
    if (node.type === 'ImportDeclaration') add(node.source, node.importKind === 'type')
    if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') {
      add(node.source, node.exportKind === 'type')
    }
    if (node.type === 'ImportExpression') add(node.source, false)
    if (node.type === 'TSImportType') add(node.source ?? node.argument, true)
    Object.values(node).forEach(visit)
  }
  visit(program.body)
  return found
}

function sourceFiles(folder) {
  const skipped = new Set(['node_modules', 'dist', 'test-results'])
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sourceFiles(path)
    return /\.[cm]?[jt]sx?$/.test(entry.name) ? [path] : []
  })
}

const packageNameOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = check(process.argv[2] ?? root)
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) {
    console.error(`\n${problems.length} violations of the package picture.`)
    process.exitCode = 1
  }
}
