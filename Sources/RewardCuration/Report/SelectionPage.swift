import FoundationEssentials
import RewardImage
import RewardModel
import RewardSelection

/// `report.html`: what was kept and why, for a few prompts with all their candidates, in one file that needs no network
/// and no script.
struct SelectionPage {
    var summary: SelectionSummary
    var result: SelectionResult
    var list: CandidateList
    /// For the heatmaps; without it there are none.
    var scorer: (any Scorer)?

    /// Longest side of a picture in the page.
    private static let side = 144

    func html() throws -> String {
        var body = "<h1>Selected fine-tuning data</h1>\n" + facts()
        body += "<h2>Scores</h2><div class=\"plots\">"
        body += ScorePlot.svg(title: "score, kept", result.tally.keptScores.value, colour: "#2a7d4f")
        body += ScorePlot.svg(title: "score, dropped", result.tally.droppedScores.value, colour: "#9a9a9a")
        body += "</div>\n"
        body += "<h2>The first \(result.samples.count) of \(summary.counts.prompts) prompts</h2>\n"
        if scorer != nil { body += Self.switches }
        for group in result.samples { body += try section(group) }
        return Self.frame(body)
    }

    private func facts() -> String {
        var rows: [(String, String)] = [
            ("kept", "\(summary.counts.kept) of \(summary.counts.candidates) candidates"),
            ("prompts", "\(summary.counts.promptsKept) of \(summary.counts.prompts) have a kept candidate"),
            (
                "ranked by",
                summary.arguments.by.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(
                    separator: " + ")
            ),
        ]
        if let threshold = summary.arguments.threshold { rows.append(("threshold", "above \(threshold)")) }
        for (name, least) in summary.arguments.min.sorted(by: { $0.key < $1.key }) {
            rows.append(("minimum", "\(name) at least \(least)"))
        }
        if let model = summary.model { rows.append(("model", "\(model.name), \(model.digest)")) }
        for (reason, count) in summary.dropped.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) where count > 0 {
            rows.append(("dropped", "\(count) \(reason.replacing("_", with: " "))"))
        }
        for note in summary.notes { rows.append(("note", note)) }
        let lines = rows.map { "<tr><th>\(HTMLText.escaped($0.0))</th><td>\(HTMLText.escaped($0.1))</td></tr>" }
        return "<table><tbody>\(lines.joined())</tbody></table>\n"
    }

    private func section(_ group: SampledGroup) throws -> String {
        var cards = ""
        var prompt = ""
        for (record, dropped) in zip(group.members, group.dropped) {
            let line = try list.line(at: record.offset)
            prompt = line.prompt
            cards += card(line, record, dropped)
        }
        return "<section><h3>\(HTMLText.escaped(prompt))</h3><div class=\"cards\">\(cards)</div></section>\n"
    }

    private func card(_ line: CandidateLine, _ record: CandidateRecord, _ dropped: DropReason?) -> String {
        let picture =
            (try? ImageFiles(folder: list.folder).bytes(line)).flatMap { try? ImageDecoder.decode($0) }?.image
        var text = "<div class=\"card \(dropped == nil ? "kept" : "dropped")\">"
        if let picture {
            let small = Thumbnail.fitting(picture, side: Self.side)
            text += "<div class=\"picture\" style=\"width:\(small.width)px;height:\(small.height)px\">"
            text += "<img alt=\"\(HTMLText.escaped(line.image))\" src=\"\(Self.source(small))\">"
            for (kind, map) in heatmaps(picture, line.prompt) {
                text += "<img class=\"heat \(kind.rawValue)\" alt=\"\(kind.rawValue)\" src=\"\(Self.source(map))\">"
            }
            text += "</div>"
        } else {
            text += "<div class=\"picture none\" style=\"width:\(Self.side)px;height:\(Self.side)px\">no picture</div>"
        }
        text += "<b>\(dropped.map { $0.rawValue.replacing("_", with: " ") } ?? "kept")</b>"
        if !record.value.isNaN { text += " <span>\(Self.decimals(record.value))</span>" }
        let scores = record.scoreVector
        for (index, name) in scoreNames.enumerated() where !scores[index].isNaN {
            text += """
                <div class="score"><i style="width:\(Self.decimals(scores[index] * 100))%"></i>\
                <em>\(name)</em><em>\(Self.decimals(scores[index]))</em></div>
                """
        }
        return text + "<small>\(HTMLText.escaped(line.image))</small></div>"
    }

    private func heatmaps(_ picture: Image, _ prompt: String) -> [(HeatmapKind, Image)] {
        guard let scorer else { return [] }
        let item = PredictionItem(image: picture, prompt: prompt, outputs: .heatmaps)
        guard case .success(let prediction) = scorer.predict([item])[0], let maps = prediction.heatmaps else {
            return []
        }
        return HeatmapKind.allCases.compactMap { kind in maps[kind].map { (kind, Thumbnail.glow($0, side: 48)) } }
    }

    private static func source(_ image: Image) -> String {
        "data:image/png;base64,\(Data(PNGEncoder.encode(image)).base64EncodedString())"
    }

    static func decimals(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let digits = String(thousandths.magnitude)
        let padded = String(repeating: "0", count: max(4 - digits.count, 0)) + digits
        return (thousandths < 0 ? "-" : "") + padded.dropLast(3) + "." + padded.suffix(3)
    }

    private static let switches = """
        <p class="switch">Heatmap: <label><input type="radio" name="heat" value="none">none</label>\
        <label><input type="radio" name="heat" value="implausibility" checked>implausibility</label>\
        <label><input type="radio" name="heat" value="misalignment">misalignment</label></p>

        """

    private static func frame(_ body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>Selected fine-tuning data</title>
        <meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
        <style>
        body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #222; max-width: 1300px; margin: 2em auto; \
        padding: 0 1em; }
        h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; }
        h3 { font-size: 1em; margin: 1.5em 0 .5em; overflow-wrap: anywhere; }
        table { border-collapse: collapse; font-size: 13px; }
        th, td { text-align: left; padding: .2em .8em .2em 0; vertical-align: top; overflow-wrap: anywhere; }
        .plots, .cards { display: flex; flex-wrap: wrap; gap: 12px; }
        .card { border: 3px solid transparent; padding: 6px; width: \(side)px; font-size: 12px; border-radius: 6px; \
        background: #f6f6f6; }
        .card.kept { border-color: #2a7d4f; background: #eef7f1; } .card.dropped b { color: #777; font-weight: 400; }
        .card span { float: right; font-variant-numeric: tabular-nums; }
        .picture { position: relative; margin: 0 auto 4px; background: #000; } .picture img { display: block; \
        width: 100%; height: 100%; }
        .picture .heat { position: absolute; inset: 0; mix-blend-mode: screen; display: none; }
        .none { color: #aaa; display: flex; align-items: center; justify-content: center; }
        body:has([value=implausibility]:checked) .implausibility, body:has([value=misalignment]:checked) \
        .misalignment { display: block; }
        .score { position: relative; height: 16px; line-height: 16px; margin-top: 2px; background: #e4e4e4; \
        display: flex; justify-content: space-between; padding: 0 3px; font-size: 11px; }
        .score i { position: absolute; inset: 0 auto 0 0; background: #a9c4e0; } .score em { position: relative; \
        font-style: normal; font-variant-numeric: tabular-nums; }
        small { color: #777; overflow-wrap: anywhere; display: block; } .switch label { margin-left: 1em; }
        svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #444; }
        </style></head><body>
        \(body)</body></html>

        """
    }
}
