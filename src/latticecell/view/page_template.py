"""The HTML page of `latticecell.view.page`; marks like @DATA@ are replaced."""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title>
<style>
html,body{margin:0;height:100%;overflow:hidden;background:#fff;color:#1a1a1a;font:16px/1.3 Arial,sans-serif}
canvas{position:fixed;inset:0;width:100%;height:100%;touch-action:none;cursor:grab}
#head{position:fixed;left:16px;top:12px;font-size:20px;pointer-events:none}
#legend{position:fixed;right:20px;top:16px;pointer-events:none}
#legend section{margin-bottom:20px;max-width:9em}
#legend i{display:inline-block;width:14px;height:14px}
.scale{display:flex;height:200px;margin-top:8px}
.bar{width:22px}
.numbers{display:flex;flex-direction:column;justify-content:space-between;margin:-9px 0 -9px 8px}
#time{position:fixed;left:16px;bottom:14px;right:200px;display:flex;gap:12px;align-items:center}
#time input{flex:1}
#hint{position:fixed;right:20px;bottom:16px;font-size:13px;color:#555;text-align:right}
#trouble{position:fixed;left:16px;top:80px;color:#a00}
</style></head><body>
<canvas id="canvas"></canvas>
<div id="head"><span id="label"></span><br>@NOTE@</div>
<div id="legend">@LEGEND@</div>
<div id="time"><button id="play">play</button>
<input id="slider" type="range" min="0" step="1" value="0"></div>
<div id="hint">drag: turn<br>shift-drag: move<br>wheel: zoom</div>
<div id="trouble"></div>
<script id="data" type="text/plain">@DATA@</script>
<script>
"use strict";
const about = @ABOUT@;
const find = name => document.getElementById(name);
const canvas = find("canvas"), slider = find("slider");
const gl = canvas.getContext("webgl2", {alpha: false, antialias: true, preserveDrawingBuffer: true});
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1]*b[2]-a[2]*b[1], a[2]*b[0]-a[0]*b[2], a[0]*b[1]-a[1]*b[0]];
const unit = a => a.map(v => v / Math.hypot(...a));
const mix = (a, s, b, t) => a.map((v, i) => s * v + t * b[i]);
let away = unit(about.away), up = unit(mix(about.up, 1, away, -dot(about.up, away)));
let center = about.center.slice(), reach = about.reach, frame = about.first, buffers = [];

const VERTEX_SHADER = `#version 300 es
in vec3 place; in vec4 tone;
uniform vec3 low, size, center, right, up, away; uniform vec2 scale; uniform float depth;
out vec3 at, colour; flat out float lit;
void main() {
  vec3 x = low + place * size - center;
  at = vec3(dot(x, right), dot(x, up), dot(x, away));
  colour = tone.rgb; lit = tone.a * 255.0;
  gl_Position = vec4(at.xy * scale, -at.z * depth, 1.0);
}`;
const FRAGMENT_SHADER = `#version 300 es
precision highp float;
in vec3 at, colour; flat in float lit;
uniform float alpha;
out vec4 result;
void main() {
  float bright = 1.0;
  if (lit > 0.5) {
    vec3 normal = normalize(cross(dFdx(at), dFdy(at)));
    bright = 0.45 + 0.6 * abs(normal.z);
  }
  result = vec4(min(colour * bright, 1.0), alpha);
}`;

function shader(kind, text) {
  const made = gl.createShader(kind);
  gl.shaderSource(made, text); gl.compileShader(made);
  if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made));
  return made;
}
let program, where = {};
function prepare() {
  program = gl.createProgram();
  gl.attachShader(program, shader(gl.VERTEX_SHADER, VERTEX_SHADER));
  gl.attachShader(program, shader(gl.FRAGMENT_SHADER, FRAGMENT_SHADER));
  gl.bindAttribLocation(program, 0, "place"); gl.bindAttribLocation(program, 1, "tone");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  for (const name of ["low", "size", "center", "right", "up", "away", "scale", "depth", "alpha"])
    where[name] = gl.getUniformLocation(program, name);
}
function fill(bytes) {
  let offset = 0;
  for (const counts of about.counts) {
    const groups = [];
    for (const count of counts) {
      const array = gl.createVertexArray(), buffer = gl.createBuffer();
      gl.bindVertexArray(array); gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, bytes.subarray(offset, offset + 12 * count), gl.STATIC_DRAW);
      gl.enableVertexAttribArray(0); gl.vertexAttribPointer(0, 3, gl.UNSIGNED_SHORT, true, 12, 0);
      gl.enableVertexAttribArray(1); gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 12, 8);
      groups.push({array, count}); offset += 12 * count;
    }
    buffers.push(groups);
  }
}
function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  gl.viewport(0, 0, width, height);
  gl.clearColor(1, 1, 1, 1); gl.depthMask(true); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL); gl.useProgram(program);
  const half = reach * Math.max(1, height / width);
  gl.uniform3fv(where.low, about.low); gl.uniform3fv(where.size, about.size);
  gl.uniform3fv(where.center, center); gl.uniform3fv(where.right, cross(up, away));
  gl.uniform3fv(where.up, up); gl.uniform3fv(where.away, away);
  gl.uniform2f(where.scale, height / width / half, 1 / half);
  gl.uniform1f(where.depth, 0.25 / Math.hypot(...about.size));
  const [base, over, rim, ghost, lines] = buffers[frame];
  const show = (group, mode) => {
    if (group.count) { gl.bindVertexArray(group.array); gl.drawArrays(mode, 0, group.count); }
  };
  gl.disable(gl.BLEND); gl.disable(gl.CULL_FACE); gl.uniform1f(where.alpha, 1);
  show(base, gl.TRIANGLES); show(lines, gl.LINES);
  gl.enable(gl.POLYGON_OFFSET_FILL); gl.polygonOffset(-1, -2);
  show(over, gl.TRIANGLES);
  gl.enable(gl.CULL_FACE); gl.cullFace(gl.FRONT); show(rim, gl.TRIANGLES);
  gl.disable(gl.CULL_FACE); gl.disable(gl.POLYGON_OFFSET_FILL);
  gl.enable(gl.BLEND); gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA); gl.depthMask(false);
  gl.uniform1f(where.alpha, about.ghost); show(ghost, gl.TRIANGLES);
  find("label").textContent = about.labels[frame];
}
canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
canvas.addEventListener("pointermove", event => {
  if (!event.buttons) return;
  const right = cross(up, away), dx = event.movementX, dy = event.movementY;
  if (event.shiftKey || event.buttons === 4) {
    const step = 2 * reach / canvas.clientHeight;
    center = mix(mix(center, 1, right, -dx * step), 1, up, dy * step);
  } else {
    away = unit(mix(mix(away, 1, right, -0.008 * dx), 1, up, 0.008 * dy));
    up = unit(mix(up, 1, away, -dot(up, away)));
  }
  draw();
});
canvas.addEventListener("wheel", event => {
  event.preventDefault(); reach *= Math.exp(0.001 * event.deltaY); draw();
}, {passive: false});
slider.max = about.counts.length - 1; slider.value = frame;
slider.addEventListener("input", () => { frame = +slider.value; draw(); });
let timer = null;
find("play").addEventListener("click", () => {
  if (timer) { clearInterval(timer); timer = null; find("play").textContent = "play"; return; }
  find("play").textContent = "stop";
  timer = setInterval(() => { frame = (frame + 1) % buffers.length; slider.value = frame; draw(); }, 250);
});
if (about.counts.length < 2) find("time").style.display = "none";
window.addEventListener("resize", draw);
(async () => {
  try {
    if (!gl) throw new Error("this browser offers no WebGL 2");
    const packed = Uint8Array.from(atob(find("data").textContent), c => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    prepare(); fill(new Uint8Array(await new Response(stream).arrayBuffer())); draw();
    document.body.dataset.drawn = "yes";
  } catch (error) { find("trouble").textContent = "The scene cannot be shown: " + error.message; }
})();
</script></body></html>
"""
