/** What somebody is about to do with what is seen. */
export class Sharing {
  /** Whether to share it. */
  open = $state(false);
  /** Whether to hang it on the wall. */
  wall = $state(false);
}
