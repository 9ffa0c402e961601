/** Whether somebody is about to share what is seen. */
export class Sharing {
  open = $state(false);
}
