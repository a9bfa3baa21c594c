import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

/**
 * The programs that an engine is driven with, as far as they are here.
 *
 * @param {'firefox' | 'webkit'} name
 * @returns {Record<string, string | undefined>} paths by role
 */
export function programsOf(name) {
  if (name === 'firefox') {
    return { Firefox: process.env.FIREFOX_PATH ?? findProgram('firefox-esr') ?? findProgram('firefox') }
  }
  // WebKitGTK has no headless mode, so it needs a screen in memory.
  return { WebKitWebDriver: findProgram('WebKitWebDriver'), MiniBrowser: findMiniBrowser(), Xvfb: findProgram('Xvfb') }
}

/**
 * Which of them are missing.
 *
 * @param {'firefox' | 'webkit'} name
 */
export function missingOf(name) {
  return Object.entries(programsOf(name)).flatMap(([role, path]) =>
    path !== undefined && existsSync(path) ? [] : [role],
  )
}

function findProgram(name) {
  const places = (process.env.PATH ?? '').split(delimiter)
  return places.map((place) => join(place, name)).find((path) => existsSync(path))
}

/** Comes with the library of WebKit, in a folder that no PATH has. */
function findMiniBrowser() {
  const places = ['/usr/lib', '/usr/libexec', '/usr/lib64']
  const below = places.flatMap((place) => (existsSync(place) ? foldersIn(place) : []))
  const libraries = ['webkit2gtk-4.1', 'webkitgtk-6.0', 'webkit2gtk-4.0']
  return [...places, ...below]
    .flatMap((place) => libraries.map((library) => join(place, library, 'MiniBrowser')))
    .find((path) => existsSync(path))
}

const foldersIn = (place) =>
  readdirSync(place, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(place, entry.name)] : []))
