import process from 'node:process'

/** Ends the program with one line when this Node is outside `^20.19.0 || >=22.12.0`. */
export function refuseOldNode(version = process.versions.node) {
  if (isSupported(version)) return
  console.error(`Syncline needs Node 20.19 or newer in line 20, or 22.12 and later; this is Node ${version}.`)
  process.exit(1)
}

export function isSupported(version) {
  const [major, minor] = version.split('.').map(Number)
  if (major === 20) return minor >= 19
  if (major === 22) return minor >= 12
  return major > 22
}
