// Shows nightproof's bakes in three.js (r152 or later). Apache-2.0.
//
//     import { OutgoingSH, MozLightmap } from './nightproof-three.js';
//     loader.register((parser) => new OutgoingSH(parser));    // asset-sh.glb
//     loader.register((parser) => new MozLightmap(parser));   // asset-lightmap.glb
//
// The light is exposed already: leave renderer.toneMapping at NoToneMapping and its exposure at 1.
import { SRGBColorSpace } from 'three';

const VERTEX_DECLARATIONS = `
#if NIGHTPROOF_UV == 1 && ! defined( USE_UV1 )
attribute vec2 uv1;
#endif
varying vec2 vSlopeUv;
varying vec3 vTowardsViewer;
`;

// Towards the viewer, in the space of the object. Not yet of unit length: linear in the position, so it interpolates.
const VERTEX = `
vSlopeUv = NIGHTPROOF_UV == 1 ? uv1 : uv;
mat4 fromView = inverse( modelViewMatrix );
vTowardsViewer = isOrthographic ? fromView[ 2 ].xyz : fromView[ 3 ].xyz - transformed;
`;

const FRAGMENT_DECLARATIONS = `
uniform sampler2D slopeX, slopeY, slopeZ;
uniform float slopeScale;
varying vec2 vSlopeUv;
varying vec3 vTowardsViewer;
// Code 128 of 255 is zero, 1 and 255 are the ends.
vec3 slopeOf( vec3 texel ) { return ( 255.0 * texel - 128.0 ) / 127.0; }
`;

const FRAGMENT = `
vec3 towardsViewer = normalize( vTowardsViewer );
vec3 slope = towardsViewer.x * slopeOf( texture2D( slopeX, vSlopeUv ).rgb )
	+ towardsViewer.y * slopeOf( texture2D( slopeY, vSlopeUv ).rgb )
	+ towardsViewer.z * slopeOf( texture2D( slopeZ, vSlopeUv ).rgb );
diffuseColor.rgb *= max( 1.0 + slopeScale * slope, 0.0 );
`;

const after = (source, chunk, added) => source.replace(`#include <${chunk}>`, `#include <${chunk}>\n${added}`);

/** NIGHTPROOF_outgoing_sh: light that changes with the direction from which a surface is seen. */
export class OutgoingSH {
  constructor(parser) {
    this.parser = parser;
    this.name = 'NIGHTPROOF_outgoing_sh';
  }

  /** Materials are final only here: the loader may have cloned them. */
  async afterRoot(gltf) {
    const materials = new Set();
    for (const scene of gltf.scenes) {
      scene.traverse((object) => object.material && [object.material].flat().forEach((each) => materials.add(each)));
    }
    await Promise.all([...materials].map((material) => this.turn(material)));
  }

  async turn(material) {
    const index = this.parser.associations.get(material)?.materials;
    const said = this.parser.json.materials?.[index]?.extensions?.[this.name];
    if (!said) return;
    const axes = [said.x, said.y, said.z];
    const slopes = await Promise.all(axes.map((use) => this.parser.getDependency('texture', use.index)));
    const set = said.x.texCoord ?? 0;
    material.defines = { ...material.defines, NIGHTPROOF_UV: set };
    material.onBeforeCompile = (shader) => {
      slopes.forEach((value, axis) => { shader.uniforms['slope' + 'XYZ'[axis]] = { value }; });
      shader.uniforms.slopeScale = { value: said.scale ?? 1 };
      shader.vertexShader = after(after(shader.vertexShader, 'common', VERTEX_DECLARATIONS), 'project_vertex', VERTEX);
      shader.fragmentShader = after(after(shader.fragmentShader, 'common', FRAGMENT_DECLARATIONS), 'map_fragment', FRAGMENT);
    };
    material.customProgramCacheKey = () => this.name + set;
    material.needsUpdate = true;
  }
}

/** MOZ_lightmap, as Mozilla Hubs reads it: irradiance = intensity · texel. */
export class MozLightmap {
  constructor(parser) {
    this.parser = parser;
    this.name = 'MOZ_lightmap';
  }

  async extendMaterialParams(index, parameters) {
    const said = this.parser.json.materials[index].extensions?.[this.name];
    if (!said) return;
    await this.parser.assignTexture(parameters, 'lightMap', said, SRGBColorSpace);
    parameters.lightMapIntensity = said.intensity ?? 1;
  }
}
