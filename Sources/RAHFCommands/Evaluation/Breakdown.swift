import RewardMetrics
import RewardModel

/// What grouped records and planted truth allow beyond the paper: does the clean picture outscore its damaged copy, and
/// how well does each kind of damage, each photograph and each category of words fare.
struct Breakdown: Sendable {
    var evaluation: Evaluation
    var truth: TruthFile

    /// A clean and a damaged record of one group, and whether the clean one scored higher. A tie does not.
    private struct Pair {
        var damaged: Int
        var won: Bool
    }

    func tables() -> [MeasureTable] {
        [pairTable(), sourceTable(), kindTable(), photographTable(), categoryTable()].compactMap { $0 }
    }

    private func pairTable() -> MeasureTable? {
        let rows = [ScoreKind.plausibility, .alignment].map { score in
            MeasureTable.Row(
                key: score.rawValue, title: score.rawValue, cells: [accuracy(pairs(score)) { _ in true }])
        }
        guard rows.contains(where: { $0.cells[0] != nil }) else { return nil }
        return MeasureTable(
            key: "pairs", title: "Pairs",
            note: """
                How often the better record of a group outscores the worse; a tie counts as a loss. Plausibility: undamaged \
                above damaged; alignment: no misaligned word above some.
                """,
            columns: [.init(key: "accuracy", title: "pair accuracy")], rows: rows)
    }

    private func sourceTable() -> MeasureTable? {
        guard !truth.isEmpty else { return nil }
        return damageTable(
            key: "sources", title: "Photographs and scenes",
            note: """
                Pairs by plausibility, the measures by the implausibility map. Mask AUC is the shuffled AUC against where the \
                damage was planted, not where annotators saw it. MSE clean is over undamaged pictures.
                """
        ) { sample in
            guard let source = truth.line(of: sample.stem)?.source else { return [] }
            return [source.hasPrefix("photograph:") ? "photographs" : "\(source)s"]
        }
    }

    private func kindTable() -> MeasureTable? {
        guard !truth.isEmpty else { return nil }
        return damageTable(
            key: "kinds", title: "Damage kinds",
            note: "The same by the kind of damage; a picture damaged in two ways counts under both."
        ) { kinds($0) }
    }

    private func photographTable() -> MeasureTable? {
        var table = damageTable(
            key: "photographs", title: "Photographs",
            note: "The same by the picture that was damaged, the lowest pair accuracy first."
        ) { sample in
            if let source = truth.line(of: sample.stem)?.source {
                return source.hasPrefix("photograph:") ? [String(source.dropFirst(11))] : []
            }
            return sample.unit.hasPrefix("group ") ? [String(sample.unit.dropFirst(6))] : []
        }
        table?.rows.sort { ($0.cells[0]?.value ?? 2, $0.key) < ($1.cells[0]?.value ?? 2, $1.key) }
        table?.shownRows = 20
        return table
    }

    /// How damage is found, by names that `names` gives to each record.
    private func damageTable(
        key: String, title: String, note: String, names: (SampleMeasures) -> Set<String>
    ) -> MeasureTable? {
        let pairs = pairs(.plausibility)
        let samples = evaluation.samples
        let labels = samples.map(names)
        let rows = labels.reduce(into: Set()) { $0.formUnion($1) }.sorted().map { name -> MeasureTable.Row in
            let accuracy = accuracy(pairs) { labels[$0.damaged].contains(name) }
            func mean(_ value: (SampleMeasures) -> Double?) -> Estimate? {
                evaluation.mean(zip(samples, labels).map { $1.contains(name) ? value($0) : nil })
            }
            func map(_ value: @escaping (MapMeasures) -> Double?) -> Estimate? {
                mean { $0.maps[.implausibility].flatMap(value) }
            }
            return .init(
                key: name,
                title: "\(name), \(labels.count { $0.contains(name) }) records, \(accuracy?.count ?? 0) pairs",
                cells: [
                    accuracy, map(\.correlation), map(\.aucJudd),
                    map(\.aucShuffled), mean(\.maskAUC),
                    mean { isClean($0, .plausibility) ? $0.maps[.implausibility]?.meanSquaredError : nil },
                ])
        }
        guard !rows.isEmpty else { return nil }
        return MeasureTable(
            key: key, title: title, note: note,
            columns: [
                .init(key: "pair_accuracy", title: "pair accuracy"), .init(key: "cc", title: "CC"),
                .init(key: "auc_judd", title: "AUC-Judd"), .init(key: "auc_shuffled", title: "shuffled AUC"),
                .init(key: "mask_auc_shuffled", title: "mask AUC"),
                .init(key: "mse_clean", title: "MSE clean", places: 5),
            ], rows: rows)
    }

    private func categoryTable() -> MeasureTable? {
        let categories = wordCategories()
        guard !categories.isEmpty else { return nil }
        let counts = evaluation.samples.map { sample in
            var counts: [String: DetectionCounts] = [:]
            for (text, predicted, truth) in sample.wordFlags {
                guard let category = categories[text.lowercased()] else { continue }
                let one = DetectionCounts(predicted: [predicted], truth: [truth])
                counts[category] = .pooled([counts[category] ?? .init(), one])
            }
            return counts
        }
        let rows = Set(categories.values).sorted().map { category -> MeasureTable.Row in
            let own = counts.map { $0[category] }
            let indices = own.indices.filter { own[$0] != nil }
            func pooled(_ measure: @escaping (DetectionCounts) -> Double) -> Estimate? {
                evaluation.estimate(indices) { drawn in measure(.pooled(drawn.lazy.compactMap { own[$0] })) }
            }
            return .init(
                key: category, title: category, cells: [pooled(\.precision), pooled(\.recall), pooled(\.f1)])
        }
        return MeasureTable(
            key: "word_categories", title: "Word categories",
            note: """
                Pooled. A word belongs to the category in which it is contradicted most often anywhere in the set; words never \
                contradicted belong to none.
                """,
            columns: [
                .init(key: "precision", title: "precision"), .init(key: "recall", title: "recall"),
                .init(key: "f1", title: "F1"),
            ], rows: rows)
    }

    // MARK: Parts

    private func kinds(_ sample: SampleMeasures) -> Set<String> {
        truth.line(of: sample.stem)?.kinds ?? []
    }

    /// True for the better record of a pair, false for the worse.
    private func isClean(_ sample: SampleMeasures, _ score: ScoreKind) -> Bool {
        if score == .alignment { return !sample.wordFlags.contains(where: \.truth) }
        if let line = truth.line(of: sample.stem) { return line.kinds == ["clean"] }
        return sample.maps[.implausibility]?.isEmpty ?? false
    }

    private func pairs(_ score: ScoreKind) -> [Pair] {
        let samples = evaluation.samples
        var groups: [String: [Int]] = [:]
        for index in samples.indices where samples[index].unit.hasPrefix("group ") {
            groups[samples[index].unit, default: []].append(index)
        }
        var pairs: [Pair] = []
        for members in groups.sorted(by: { $0.key < $1.key }).map(\.value) {
            for clean in members where isClean(samples[clean], score) {
                for damaged in members where !isClean(samples[damaged], score) {
                    pairs.append(
                        Pair(
                            damaged: damaged,
                            won: samples[clean].predicted[score] > samples[damaged].predicted[score]))
                }
            }
        }
        return pairs
    }

    /// The share of pairs won. A record's pairs are drawn with it.
    private func accuracy(_ pairs: [Pair], where isWanted: (Pair) -> Bool) -> Estimate? {
        var outcomes: [Int: (won: Int, count: Int)] = [:]
        for pair in pairs where isWanted(pair) {
            let known = outcomes[pair.damaged] ?? (0, 0)
            outcomes[pair.damaged] = (known.won + (pair.won ? 1 : 0), known.count + 1)
        }
        var estimate = evaluation.estimate(outcomes.keys.sorted()) { drawn in
            let count = drawn.reduce(0) { $0 + (outcomes[$1]?.count ?? 0) }
            return count == 0 ? nil : Double(drawn.reduce(0) { $0 + (outcomes[$1]?.won ?? 0) }) / Double(count)
        }
        estimate?.count = outcomes.values.reduce(0) { $0 + $1.count }
        return estimate
    }

    private func wordCategories() -> [String: String] {
        var votes: [String: [String: Int]] = [:]
        for sample in evaluation.samples {
            for word in truth.line(of: sample.stem)?.contradicted ?? [] {
                votes[word.word.lowercased(), default: [:]][word.category, default: 0] += 1
            }
        }
        // The name decides between equals, so that the table does not change from run to run.
        return votes.compactMapValues { $0.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key }
    }
}
