const kept: object[] = []

/**
 * Keeps an instance of a class whose instances live shortly. V8 forgets the shape of a class, and with it all that was compiled for it, when a
 * collection finds no instance; what comes after it is slow until all of that is compiled again. Give the constructor numbers of the kind that
 * it will get.
 *
 * @example
 * class Step {
 *   constructor(readonly number: number) {}
 * }
 * keepShape(new Step(1))
 */
export function keepShape(instance: object): void {
  kept.push(instance)
}
