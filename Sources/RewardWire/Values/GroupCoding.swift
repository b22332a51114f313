package import RewardModel
import SwiftProtobuf

extension WireStanding {
    init(_ standing: Standing) {
        self.init()
        mean = standing.mean
        standardDeviation = standing.standardDeviation
        zScore = standing.zScore
        rank = standing.rank
    }

    /// Nil unless all four are present and finite.
    var standing: Standing? {
        guard hasMean, hasStandardDeviation, hasZScore, hasRank else { return nil }
        guard [mean, standardDeviation, zScore, rank].allSatisfy(\.isFinite) else { return nil }
        return Standing(mean: mean, standardDeviation: standardDeviation, zScore: zScore, rank: rank)
    }
}

extension WireGroup {
    package init(_ group: GroupStanding) {
        self.init()
        scored = UInt32(clamping: group.scored)
        failed = UInt32(clamping: group.failed)
        plausibility = WireStanding(group.plausibility)
        alignment = WireStanding(group.alignment)
        aesthetics = WireStanding(group.aesthetics)
        overall = WireStanding(group.overall)
    }

    /// Nil unless every number is there.
    package var standing: GroupStanding? {
        guard let plausibility = plausibility.standing, let alignment = alignment.standing,
            let aesthetics = aesthetics.standing, let overall = overall.standing
        else { return nil }
        return GroupStanding(
            scored: Int(scored), failed: Int(failed), plausibility: plausibility, alignment: alignment,
            aesthetics: aesthetics, overall: overall)
    }
}

extension [ItemAnswer] {
    /// The answers with each item's standing among those of its group.
    ///
    /// - Parameter groups: each item's group id; empty for none.
    package func grouped(_ groups: [[UInt8]]) -> [ItemAnswer] {
        guard groups.contains(where: { !$0.isEmpty }) else { return self }
        let standings = GroupStanding.all(
            of: map { $0.message.hasScores ? $0.message.scores.scores : nil },
            in: groups.map { $0.isEmpty ? nil : $0 })
        return zip(self, standings).map { answer, standing in
            standing.map { answer.with($0) } ?? answer
        }
    }
}
