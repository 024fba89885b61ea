// The page of the browser tests: one participant, whom a test drives from outside as a
// `Visitor`.

import "./paths"; // before livekit-client: connections are watched from their first moment
import { Visitor } from "./visitor";

declare global {
  var Visitor: typeof import("./visitor").Visitor;
}

globalThis.Visitor = Visitor;
