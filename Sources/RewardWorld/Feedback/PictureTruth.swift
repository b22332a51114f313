import RewardModel

/// A line of `truth.jsonl`: what is known about a picture because we made it.
package struct PictureTruth: Sendable, Codable, Equatable {
    package var filename: String
    package var group: String
    /// `scene`, or `photograph:` and its name.
    package var source: String
    /// `clean` or `damaged`.
    package var state: String
    package var prompt: String
    package var damage: [Damage]
    /// Grey PNGs of the picture's size, white where it is damaged or contradicts its prompt; missing when nowhere.
    package var mask: String?
    package var misalignmentMask: String?
    package var contradicted: [ContradictedWord]
    /// `plausibility`, `alignment`, `aesthetics`, `overall`, in [0, 1].
    package var scores: [String: Float]
    /// What was done to the whole picture: `gamma`, `contrast`, `saturation`, `blur`, `noise`, `jpeg_quality`.
    package var finish: [String: Float]

    package struct Damage: Sendable, Codable, Equatable {
        package var kind: DamageKind
        package var outline: String
        /// In pixels.
        package var x: Float
        package var y: Float
        package var radius: Float
        package var parameters: [String: Float]
        /// See `TrueScores.Change`; of all damage of the picture together.
        package var visibleShare: Float
        package var meanChange: Float
    }
}
