import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { run } from './children.mjs'
import { Letter } from './letter.mjs'
import { at, tool } from './paths.mjs'

/**
 * What Playwright turns off, for Chromium listens to the last `--disable-features` only, and two of our own: the pages with which Chromium
 * draws the suggestions of its address bar. Each new page of a test loads them, unseen, which takes as much work as the test.
 */
const disabledFeatures = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
]

/**
 * Flags that keep Chromium from talking to anyone but the page under test, and from working for anyone else. Without a screen a graphics card
 * is played by software, which costs a tenth of a test; pages are painted as well without.
 */
export const chromiumArgs = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  `--disable-features=${disabledFeatures.join(',')}`,
  '--disable-sync',
  '--no-first-run',
]

/** The browser to test with, or undefined: CHROMIUM_PATH, then Playwright's own, then the system's. */
export function findChromium() {
  const asked = process.env.CHROMIUM_PATH
  if (asked) {
    if (!existsSync(asked)) throw new Letter(`CHROMIUM_PATH names ${asked}, which does not exist.`)
    return asked
  }
  return findPlaywrightChromium() ?? findSystemChromium()
}

/**
 * The browser to test with, installed when there is none.
 *
 * `installed` resolves when node_modules is there: Playwright's own browser can only be asked for after it, but apt
 * need not wait for it, and the two then download side by side.
 */
export async function ensureChromium(installed) {
  if (!process.env.CHROMIUM_PATH && !hasPlaywrightCache() && !findSystemChromium()) await aptInstall()
  await installed
  const found = findChromium()
  if (found) return found

  console.log('Installing Chromium through Playwright …')
  const { output } = await run(tool('playwright'), ['install', 'chromium'], { quiet: true, timeoutMs: 300_000 })
  const downloaded = findChromium()
  if (downloaded) return downloaded
  throw new Letter(
    `${output.trim()}\nNo Chromium found, and none could be installed: install one and set CHROMIUM_PATH to it.`,
  )
}

function findPlaywrightChromium() {
  if (!hasPlaywrightCache()) return undefined
  try {
    const path = createRequire(at('package.json'))('playwright').chromium.executablePath()
    return existsSync(path) ? path : undefined
  } catch {
    // Playwright throws when it has no browser for this system; the system may still have its own.
    return undefined
  }
}

function hasPlaywrightCache() {
  const place = process.env.PLAYWRIGHT_BROWSERS_PATH ?? join(homedir(), '.cache', 'ms-playwright')
  return existsSync(place) && readdirSync(place).some((entry) => entry.startsWith('chromium'))
}

function findSystemChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
  const places = ['/usr/bin', '/usr/local/bin', '/snap/bin', ...(process.env.PATH ?? '').split(delimiter)]
  const candidates = [
    ...places.flatMap((place) => names.map((name) => join(place, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ]
  return candidates.find((path) => existsSync(path))
}

async function aptInstall() {
  const isRoot = process.getuid?.() === 0
  const isDebian = existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
  const isUbuntu = isDebian && /^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'))
  // Ubuntu's package is a stub for its own store, which does not run in containers.
  if (!isRoot || !isDebian || isUbuntu) return
  console.log('Installing Chromium with apt-get …')
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, quiet: true, timeoutMs: 300_000 }
  await run('apt-get', ['update'], options)
  const { code, output } = await run(
    'apt-get',
    ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-liberation'],
    options,
  )
  if (code !== 0) console.error(output)
}
