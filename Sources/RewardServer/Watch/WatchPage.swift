/// The page at `/`: it asks `/figures.json` every two seconds and draws. Nothing in it comes from elsewhere.
enum WatchPage {
    static let text = #"""
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>rahf</title>
        <meta name="viewport" content="width=device-width">
        <style>
        body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #222; background: #fff; margin: 1.2em auto; \#
        max-width: 1240px; padding: 0 1em; }
        h1 { font-size: 1.3em; margin: 0; } #who { color: #666; font-size: 13px; overflow-wrap: anywhere; }
        #state { font-size: 13px; padding: .1em .7em; border-radius: 1em; color: #fff; background: #888; \#
        vertical-align: middle; margin-left: .5em; }
        #state.ready { background: #2a7f3f; } #state.draining { background: #b26a00; } #state.silent { background: #b00020; }
        #tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(148px, 1fr)); gap: 8px; margin: 1em 0; }
        .tile { border: 1px solid #ddd; border-radius: 6px; padding: .35em .7em; }
        .tile b { display: block; font-size: 1.25em; font-variant-numeric: tabular-nums; font-weight: 600; }
        .tile span, .note { color: #666; font-size: 12px; }
        #panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(520px, 1fr)); gap: 14px 22px; }
        .panel h2 { font-size: 1em; margin: 0; } .panel p { margin: 0 0 .2em; font-size: 13px; color: #444; min-height: 1.5em; }
        .panel canvas { width: 100%; height: 190px; display: block; }
        .flag { color: #fff; background: #b00020; border-radius: 3px; padding: 0 .4em; margin-left: .4em; }
        button { font: inherit; font-size: 13px; padding: .15em .8em; border: 1px solid #bbb; background: #f6f6f6; \#
        border-radius: 4px; cursor: pointer; } button[aria-pressed=true] { background: #24507f; color: #fff; border-color: #24507f; }
        </style></head><body>
        <h1>rahf <span id="state">…</span></h1>
        <div id="who"></div>
        <div id="tiles"></div>
        <p><button id="recent" aria-pressed="true">last 30 minutes</button> <button id="run" aria-pressed="false">whole run</button>
        <span class="note">How the rewards handed out were distributed: darker is more of a column's rewards. Line: mean; band: one
        deviation to each side; dashed: the mean of the first ones.</span></p>
        <div id="panels"></div>
        <script>
        "use strict";
        const bins = 20, ink = "#24507f";
        let span = "recent", latest = null;
        const byId = name => document.getElementById(name);
        const add = (parent, kind, text, className) => {
          const made = parent.appendChild(document.createElement(kind));
          if (text !== undefined) made.textContent = text;
          if (className) made.className = className;
          return made;
        };
        const period = seconds => seconds < 90 ? seconds.toFixed(seconds < 10 ? 1 : 0) + " s"
          : seconds < 5400 ? (seconds / 60).toFixed(0) + " min"
          : seconds < 172800 ? (seconds / 3600).toFixed(1) + " h" : (seconds / 86400).toFixed(1) + " d";

        function tiles(figures) {
          const list = [
            ["requests answered", figures.requests], ["items scored", figures.items], ["items failed", figures.failed],
            ["requests refused", figures.refused], ["items waiting", figures.queueItems],
            ["oldest waits", period(figures.queueOldest)],
            ["in the model", figures.running + (figures.running ? " for " + period(figures.runningFor) : "")],
            ["clients", figures.clients], ["items a pass", figures.batchMean.toFixed(1)],
            ["seconds a pass", figures.modelSeconds.toFixed(3)], ["up", period(figures.uptime)]];
          const failures = Object.entries(figures.failures).filter(entry => entry[1] > 0).sort((a, b) => b[1] - a[1]);
          for (const [code, count] of failures.slice(0, 6)) list.push([code, count]);
          byId("tiles").replaceChildren();
          for (const [name, value] of list) {
            const tile = add(byId("tiles"), "div", undefined, "tile");
            add(tile, "b", typeof value === "number" ? value.toLocaleString("en") : value);
            add(tile, "span", name);
          }
        }

        // The latest columns that hold at least 64 rewards together, as one.
        function now(columns, kind) {
          let count = 0, sum = 0, squares = 0;
          for (let at = columns.length - 1; at >= 0 && count < 64; at--) {
            const column = columns[at], mean = column.means[kind], spread = column.deviations[kind];
            count += column.count; sum += mean * column.count; squares += (spread * spread + mean * mean) * column.count;
          }
          const mean = count ? sum / count : 0;
          return { count, mean, spread: Math.sqrt(Math.max(count ? squares / count - mean * mean : 0, 0)) };
        }

        function makePanel(name) {
          if (byId("panel-" + name)) return;
          const box = add(byId("panels"), "div", undefined, "panel");
          box.id = "panel-" + name;
          add(box, "h2", name); add(box, "p"); add(box, "canvas");
        }

        function panel(figures, kind) {
          const [, text, canvas] = byId("panel-" + figures.scores[kind]).children;
          const first = figures.first, latest = now(figures.columns, kind);
          text.replaceChildren();
          if (latest.count) {
            const mean = first.means[kind], spread = first.deviations[kind];
            text.append(`now ${latest.mean.toFixed(3)} ± ${latest.spread.toFixed(3)}, the first ${first.count}: ` +
              `${mean.toFixed(3)} ± ${spread.toFixed(3)}`);
            if (first.count >= 64 && Math.abs(latest.mean - mean) > Math.max(spread, 0.01))
              add(text, "span", "drifted " + (latest.mean > mean ? "+" : "−") + Math.abs(latest.mean - mean).toFixed(2), "flag");
            if (first.count >= 64 && spread > 0.01 && latest.spread < spread / 3) add(text, "span", "collapsed", "flag");
          } else text.append("no rewards yet");
          draw(figures, kind, canvas);
        }

        function draw(figures, kind, canvas) {
          const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
          canvas.width = width * scale; canvas.height = height * scale;
          const pen = canvas.getContext("2d");
          pen.scale(scale, scale);
          const left = 30, bottom = 18, wide = width - left - 2, tall = height - bottom - 6;
          const last = Math.floor(figures.uptime / figures.width);
          const begin = figures.span === "recent" ? Math.max(last - figures.capacity + 1, 0) : 0;
          const shown = Math.max(last - begin + 1, figures.span === "recent" ? 30 : 12), step = wide / shown;
          const x = index => left + (index - begin) * step, y = value => 6 + tall * (1 - value);
          pen.font = "11px system-ui, sans-serif"; pen.fillStyle = "#666"; pen.strokeStyle = "#e2e2e2"; pen.lineWidth = 1;
          for (const value of [0, 0.25, 0.5, 0.75, 1]) {
            pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(width - 2, y(value)); pen.stroke();
            pen.fillText(value.toFixed(2), 2, y(value) + 4);
          }
          for (const column of figures.columns) {
            const counts = column.counts[kind], most = Math.max(...counts);
            for (let bin = 0; bin < bins; bin++) if (counts[bin]) {
              pen.globalAlpha = 0.1 + 0.75 * counts[bin] / most;
              pen.fillStyle = "#6f9fd0";
              pen.fillRect(x(column.index), y((bin + 1) / bins), Math.max(step, 1), tall / bins);
            }
            if (column.failed) {
              pen.globalAlpha = 1; pen.fillStyle = "#b00020";
              pen.fillRect(x(column.index), height - bottom + 1, Math.max(step, 2), 3);
            }
          }
          const scored = figures.columns.filter(column => column.count), middle = column => x(column.index) + step / 2;
          pen.globalAlpha = 0.16; pen.fillStyle = ink; pen.beginPath();
          for (const column of scored) pen.lineTo(middle(column), y(Math.min(column.means[kind] + column.deviations[kind], 1)));
          for (const column of [...scored].reverse())
            pen.lineTo(middle(column), y(Math.max(column.means[kind] - column.deviations[kind], 0)));
          pen.fill();
          pen.globalAlpha = 1; pen.strokeStyle = ink; pen.lineWidth = 1.8; pen.beginPath();
          for (const column of scored) pen.lineTo(middle(column), y(column.means[kind]));
          pen.stroke();
          if (scored.length === 1) { pen.fillStyle = ink; pen.fillRect(middle(scored[0]) - 2, y(scored[0].means[kind]) - 2, 4, 4); }
          if (figures.first.count) {
            pen.setLineDash([5, 4]); pen.strokeStyle = "#b26a00"; pen.lineWidth = 1.2; pen.beginPath();
            pen.moveTo(left, y(figures.first.means[kind])); pen.lineTo(width - 2, y(figures.first.means[kind]));
            pen.stroke(); pen.setLineDash([]);
          }
          pen.fillStyle = "#666";
          const ago = (last - begin + 1) * figures.width;
          pen.fillText(figures.span === "recent" && begin > 0 ? period(ago) + " ago" : "start", left, height - 3);
          const end = "now · " + period(figures.width) + " a column";
          pen.fillText(end, width - 2 - pen.measureText(end).width, height - 3);
        }

        function show(figures) {
          latest = figures;
          byId("state").textContent = figures.state;
          byId("state").className = figures.state.replace(" ", "-");
          document.title = "rahf: " + figures.state;
          byId("who").textContent = figures.model + " · " + figures.digest + " · rahf " + figures.version +
            (figures.trained ? "" : " · untrained: its numbers mean nothing");
          tiles(figures);
          // All before the first is drawn: they share the width.
          figures.scores.forEach(makePanel);
          figures.scores.forEach((_, kind) => panel(figures, kind));
        }

        async function look() {
          try {
            const reply = await fetch("/figures.json?span=" + span, { cache: "no-store" });
            show(await reply.json());
          } catch (error) {
            byId("state").textContent = "no answer";
            byId("state").className = "silent";
          }
        }

        for (const name of ["recent", "run"]) byId(name).addEventListener("click", () => {
          span = name;
          for (const other of ["recent", "run"]) byId(other).setAttribute("aria-pressed", String(other === name));
          look();
        });
        window.addEventListener("resize", () => { if (latest) show(latest); });
        look();
        setInterval(look, 2000);
        </script></body></html>

        """#
}
