// The page of the browser tests: one participant, whom a test drives from outside as `visitor`.

import "./paths"; // before livekit-client: connections are watched from their first moment
import { Visitor } from "./visitor";

declare global {
  var visitor: Visitor;
}

globalThis.visitor = new Visitor();
