// What the Khronos validator says of GLB files: one line of JSON each, "severity code" → how often (0 is an error).
//   node validate.mjs NODE_MODULES FILE ...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const validator = createRequire(resolve(modules, "here.js"))("gltf-validator");
for (const file of files) {
  const counts = {};
  try {
    const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { format: "glb", maxIssues: 0 });
    for (const { severity, code } of report.issues.messages) {
      counts[`${severity} ${code}`] = (counts[`${severity} ${code}`] ?? 0) + 1;
    }
  } catch (error) {
    counts["0 REFUSED"] = 1;
  }
  console.log(JSON.stringify(counts));
}
