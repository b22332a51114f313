import RewardModel

/// The demo's results as one page for a browser, without network or script.
struct DemoPage {
    struct Card {
        var picture: String
        var prompt: String
        var overlays: [(title: String, file: String)]
        var prediction: Prediction
    }

    var model: ModelInfo
    var cards: [Card]

    var html: String {
        """
        <!doctype html><html lang="en"><meta charset="utf-8"><title>rahf demo</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><style>\(Self.style)</style>
        <h1>What rahf says about \(cards.count) photographs</h1>
        \(model.config.trained ? "" : Self.warning)
        \(cards.map(Self.card).joined(separator: "\n"))
        <footer>model \(Self.escaped(model.name)) · \(Self.escaped(String(model.digest.prefix(19))))… · rahf \(rahfVersion)
        </footer></html>

        """
    }

    private static let warning = """
        <p class="warning">The model is seeded and was never trained: these numbers and maps show that everything \
        runs, and mean nothing else.</p>
        """

    private static func card(_ card: Card) -> String {
        let pictures = [(title: "photograph", file: card.picture)] + card.overlays
        let figures = pictures.map { picture in
            """
            <figure><img src="\(HTMLPage.escaped(picture.file))" alt="\(HTMLPage.escaped(picture.title))">\
            <figcaption>\(HTMLPage.escaped(picture.title))</figcaption></figure>
            """
        }
        return """
            <section><p class="prompt">\(prompt(card))</p>
            <div class="row"><div class="pictures">\(figures.joined())</div><table>\(bars(card.prediction))</table></div>
            <p class="notes">\(card.prediction.notes.map { HTMLPage.escaped($0.json.text) }.joined(separator: " · "))</p></section>
            """
    }

    private static func bars(_ prediction: Prediction) -> String {
        guard let scores = prediction.scores else { return "" }
        return ScoreKind.allCases.map { kind in
            let percent = Int((scores[kind] * 100).rounded())
            return """
                <tr><th>\(kind.rawValue)<td><div class="bar"><i style="width:\(percent)%"></i></div>\
                <td>\(Report.hundredths(scores[kind]))</tr>
                """
        }.joined()
    }

    /// The prompt with its misaligned words marked.
    private static func prompt(_ card: Card) -> String {
        let scalars = Array(card.prompt.unicodeScalars)
        var text = ""
        var position = 0
        for word in card.prediction.words?.words ?? [] where word.misaligned {
            guard word.start >= position, word.end <= scalars.count, word.start < word.end else { continue }
            text += HTMLPage.escaped(string(scalars[position..<word.start]))
            text += "<mark>\(HTMLPage.escaped(string(scalars[word.start..<word.end])))</mark>"
            position = word.end
        }
        return text + HTMLPage.escaped(string(scalars[position...]))
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        String(String.UnicodeScalarView(scalars))
    }

    private static let style = """
        body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1180px;padding:0 1rem;color:#222;background:#fafafa}
        h1{font-size:1.5rem;font-weight:600}section{background:#fff;border:1px solid #e3e3e3;border-radius:10px;padding:1rem 1.2rem;margin:1.2rem 0}
        .prompt{font-size:1.1rem;margin:.1rem 0 .8rem}.prompt::before{content:"“"}.prompt::after{content:"”"}
        mark{background:#ffd9d2;color:#a32412;border-radius:4px;padding:0 .2em}
        .row{display:grid;grid-template-columns:1fr auto;gap:1.2rem;align-items:start}.pictures{display:flex;gap:.8rem}
        figure{margin:0;flex:1;min-width:0}figure img{display:block;width:100%;border-radius:6px}
        figcaption{font-size:.8rem;color:#666;margin-top:.25rem}@media(max-width:800px){.row{grid-template-columns:1fr}.pictures{flex-wrap:wrap}figure{flex:45%}}
        table{border-spacing:.4rem .35rem;font-size:.9rem}th{text-align:left;font-weight:500}td:last-child{font-variant-numeric:tabular-nums}
        .bar{width:120px;height:.7rem;background:#ececf2;border-radius:4px;overflow:hidden}.bar i{display:block;height:100%;background:#4a5fc1}
        .notes{font:.75rem/1.4 ui-monospace,monospace;color:#888;margin:.8rem 0 0;overflow-wrap:anywhere}
        .warning{background:#fff4d6;border:1px solid #ecd48a;border-radius:8px;padding:.6rem 1rem}footer{font-size:.8rem;color:#888}
        """
}
