/// What kind of data set to make.
package struct WorldOptions: Sendable {
    package var seed: UInt64
    /// Width and height in pixels.
    package var size: Int
    /// The share of pictures that are drawn scenes; the rest are views of photographs.
    package var scenes: Float
    /// The share of views of photographs, and of scenes, that come as a clean and a damaged copy.
    package var damagedPhotographs: Float
    package var damagedScenes: Float
    /// The share of prompts that are contradicted.
    package var contradicted: Float
    package var kinds: [DamageKind]
    /// The share of damaged copies with a second damaged place.
    package var secondPlace: Float

    package static let sizes = 64...1024

    package init(
        seed: UInt64, size: Int = 192, scenes: Float = 0.5, damagedPhotographs: Float = 1, damagedScenes: Float = 0.4,
        contradicted: Float = 0.5, kinds: [DamageKind] = DamageKind.train, secondPlace: Float = 0.15
    ) {
        precondition(!kinds.isEmpty, "there must be kinds of damage")
        self.seed = seed
        self.size = size
        self.scenes = scenes
        self.damagedPhotographs = damagedPhotographs
        self.damagedScenes = damagedScenes
        self.contradicted = contradicted
        self.kinds = kinds
        self.secondPlace = secondPlace
    }
}
