// Node makes a resource to be followed out of each microtask, which is a twentieth of the time of simulations. What throws in one is told of all the same,
// as a rejection that nobody has handled.
const now = Promise.resolve()
globalThis.queueMicrotask = (fn) => void now.then(fn)
