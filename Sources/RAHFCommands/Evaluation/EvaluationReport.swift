import RewardData
import RewardMetrics
import RewardModel

/// A run's tables for people, for programs, and as a page.
struct EvaluationReport {
    private let result: EvaluationResult
    private let paper: [MeasureTable]
    private let human: [MeasureTable]
    private let breakdown: [MeasureTable]

    /// Computes the tables: with bootstrap intervals this takes a while for a large set.
    init(_ result: EvaluationResult) {
        self.result = result
        paper = result.evaluation.tables()
        human = result.ceiling?.tables() ?? []
        breakdown = Breakdown(evaluation: result.evaluation, truth: result.truth).tables()
    }

    /// Lines for people.
    var text: String {
        var parts = facts.map { "\($0.0): \($0.1)" }
        for table in paper + breakdown {
            parts.append("\n\(table.title). \(table.note)\n\(table.table(ceiling: ceiling(of: table)).text)")
        }
        return parts.joined(separator: "\n")
    }

    var json: JSON {
        var fields: [(String, JSON)] = [
            ("model", .object([("name", .string(result.info.name)), ("digest", .string(result.info.digest))])),
            ("data", .array(result.sources.map(JSON.string))),
            ("records", .integer(result.evaluation.samples.count)),
            (
                "skipped",
                .object(result.skipped.byReason.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
            ),
            ("notes", .object(result.notes.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })),
            ("fixations_above", .number(result.fixationThreshold)),
            (
                "bootstrap",
                .object([
                    ("samples", .integer(result.evaluation.bootstrap.samples)),
                    ("level", .number(Float(result.evaluation.bootstrap.level))),
                ])
            ),
        ]
        fields += (paper + breakdown).map { ($0.key, $0.json) }
        if !human.isEmpty { fields.append(("ceiling", .object(human.map { ($0.key, $0.json) }))) }
        return .object(fields)
    }

    var page: String {
        var page = HTMLPage(title: "Evaluation of \(result.info.name)")
        page.facts(facts)
        for table in paper + breakdown {
            page.heading(table.title)
            page.paragraph(table.note)
            page.table(table.table(ceiling: ceiling(of: table)))
            if table.key == "scores" { page.plots(scatterPlots) }
        }
        if !human.isEmpty {
            page.paragraph(
                """
                One annotator: each annotator of the evaluated images measured against the consolidated others, as if they \
                were a model. The others are fewer than those a model is measured against, so this is a cautious ceiling.
                """)
        }
        for shelf in Gallery.Shelf.allCases {
            guard let examples = result.gallery.shelves[shelf] else { continue }
            page.heading(shelf.rawValue)
            if shelf == .worstImplausibility {
                page.paragraph(
                    """
                    Maps lie over the picture, from yellow to red; the cover grows with the root of the value, so that faint \
                    predictions show. [word]: found; -[word]: missed; +[word]: flagged without cause.
                    """)
            }
            for example in examples { page.figure(example.pictures, text: example.caption) }
        }
        return page.text
    }

    // MARK: Parts

    private var facts: [(String, String)] {
        var facts = [
            ("model", "\(result.info.name), \(result.info.digest)"), ("data", result.sources.joined(separator: ", ")),
            ("records", "\(result.evaluation.samples.count)"),
        ]
        if !result.info.config.trained {
            facts.append(("warning", "this model is untrained: its numbers mean nothing"))
        }
        if result.skipped.total > 0 { facts.append(("skipped", result.skipped.summary)) }
        facts.append(
            ("fixations", "pixels whose ground truth is above \(decimal(Double(result.fixationThreshold), 2))"))
        let bootstrap = result.evaluation.bootstrap
        if bootstrap.samples > 0 {
            facts.append(
                (
                    "intervals",
                    "\(decimal(bootstrap.level * 100, 0)) %, \(bootstrap.samples) bootstrap samples, groups drawn whole"
                ))
        }
        if let ceiling = result.ceiling {
            facts.append(("one annotator", "\(ceiling.samples.count) annotations against the others of their image"))
        }
        if !result.notes.isEmpty {
            let notes = result.notes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            facts.append(("notes", notes.joined(separator: ", ")))
        }
        return facts
    }

    private func ceiling(of table: MeasureTable) -> MeasureTable? {
        human.first { $0.key == table.key }
    }

    private var scatterPlots: [String] {
        let samples = result.evaluation.samples
        // A browser draws a few thousand points with ease.
        let step = max((samples.count + 1999) / 2000, 1)
        return ScoreKind.allCases.map { kind in
            Plot.scatter(
                title: step == 1 ? kind.rawValue : "\(kind.rawValue), every \(step)th record", x: "people", y: "model",
                points: stride(from: 0, to: samples.count, by: step).map {
                    (Double(samples[$0].truth[kind]), Double(samples[$0].predicted[kind]))
                })
        }
    }
}
